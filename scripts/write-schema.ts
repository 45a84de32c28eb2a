// Writes config.schema.json, which editors read for completion and checks: `npm run schema`, after every change of
// src/config/schema.ts. A test compares the file with what this would write.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../src/config/schema.ts';

const file = join(import.meta.dirname, '../config.schema.json');
writeFileSync(file, `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
