# Runs one case: client.py CASE PARAMETERS-AS-JSON. Exit code 0 when it went well; else a traceback on standard error.

from __future__ import annotations

import json
import sys

import client_admin
import client_asyncio
import client_calls
import client_discovery
import client_endings
import client_load
from channels import Parameters

CASES = {
    **client_admin.CASES,
    **client_calls.CASES,
    **client_endings.CASES,
    **client_load.CASES,
    **client_asyncio.CASES,
    **client_discovery.CASES,
}

if __name__ == "__main__":
    CASES[sys.argv[1]](Parameters(**json.loads(sys.argv[2])))
