// Writes what is made of the schema in src/config: config.schema.json, which editors use for completion and checks, and
// docs/configuration-reference.md. Run `npm run schema` after every change to the schema; tests compare both files with what this
// script would write.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { annotatedSchema, jsonSchema } from '../src/config/schema.ts';
import { configurationReference } from './configuration-reference.ts';

const project = join(import.meta.dirname, '..');
const write = (file: string, text: string): void => writeFileSync(join(project, file), text);

write('config.schema.json', `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
write('docs/configuration-reference.md', configurationReference(annotatedSchema()));
