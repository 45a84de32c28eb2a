// Writes what is made of the schema in src/config: config.schema.json, which editors use for completion and checks, and
// docs/configuration-reference.md; and docs/openapi.yaml, made of the schemas in src/admin. Run `npm run schema` after every change to
// one of them; tests compare these files with what this script would write.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { annotatedSchema, jsonSchema } from '../src/config/schema.ts';
import { configurationReference } from './configuration-reference.ts';
import { openApiText } from './openapi-text.ts';

const project = join(import.meta.dirname, '..');
const write = (file: string, text: string): void => writeFileSync(join(project, file), text);

write('config.schema.json', `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
write('docs/openapi.yaml', openApiText());
write('docs/configuration-reference.md', configurationReference(annotatedSchema()));
