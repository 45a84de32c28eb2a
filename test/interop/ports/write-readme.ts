// `node test/interop/ports/write-readme.ts`: writes the table of clients, ports and answers into the README.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTable } from './readme-table.ts';
import { portRows } from './rows.ts';

const file = join(import.meta.dirname, '../../../README.md');

writeFileSync(file, withTable(readFileSync(file, 'utf8'), portRows));
