// Explains why the admin server could not listen and what to do. The advice must not suggest opening it to the network.

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Address } from '../config/address.ts';
import { systemErrorWords } from '../config/system-error.ts';

const elsewhere = 'or set admin.address to another address (admin: off for none)';

const missingFolder = `the folder does not exist; make it, writable for the user of this process, ${elsewhere}`;

export function adminBindFailure(error: NodeJS.ErrnoException, address: Address): Error {
  const sentence = describe(error, address);
  return new Error(`the admin server cannot listen on ${address.text}: ${sentence}`, { cause: error });
}

function describe(error: NodeJS.ErrnoException, address: Address): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return address.kind === 'unix'
        ? `another process has this socket, or one left the file behind; remove the file if nothing uses it, ${elsewhere}`
        : `something listens there already, perhaps another Framegate; stop it (ss -ltnp 'sport = :${address.port}' names it), ${elsewhere}`;
    case 'EACCES':
    case 'EPERM':
      // libuv reports a missing folder as EACCES.
      if (address.kind === 'unix' && !existsSync(dirname(address.path))) return missingFolder;
      return `this user may not; allow it, ${elsewhere}`;
    case 'EADDRNOTAVAIL':
      return 'no network interface of this machine has this address; set admin.address to 127.0.0.1 with a port';
    case 'ENOENT':
      return missingFolder;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name does not resolve; set admin.address to an IP address, such as 127.0.0.1, with a port';
    default:
      return `${systemErrorWords(error.code ?? '') ?? error.message}; correct that, ${elsewhere}`;
  }
}
