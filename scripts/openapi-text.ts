// The OpenAPI document of the admin API as docs/openapi.yaml has it.

import { stringify } from 'yaml';
import { openApiDocument } from '../src/admin/openapi.ts';

export function openApiText(): string {
  const head = '# The admin API of Framegate. Written by `npm run schema`.\n';
  return `${head}${stringify(openApiDocument(), { lineWidth: 120, aliasDuplicateObjects: false })}`;
}
