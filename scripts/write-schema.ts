// Writes config.schema.json, which editors use for completion and checks. Run `npm run schema` after every change to the schema in
// src/config; a test compares the file with what this script would write.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../src/config/schema.ts';

const file = join(import.meta.dirname, '../config.schema.json');
writeFileSync(file, `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
