// `node test/interop/ports/write-clients-table.ts`: writes the table of clients, ports and answers into docs/clients-and-ports.md.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTable } from './clients-table.ts';
import { portRows } from './rows.ts';

const file = join(import.meta.dirname, '../../../docs/clients-and-ports.md');

writeFileSync(file, withTable(readFileSync(file, 'utf8'), portRows));
