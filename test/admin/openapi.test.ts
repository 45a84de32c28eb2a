// The OpenAPI document of the admin API: that it has every page, and is what docs/openapi.yaml says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openApiText } from '../../scripts/openapi-text.ts';
import { pageMethods, pages } from '../../src/admin/admin-pages.ts';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { fieldOf } from '../../src/control/answer-fields.ts';
import { problemsOf } from '../support/api-document.ts';

test('docs/openapi.yaml is what npm run schema would write', () => {
  const file = join(import.meta.dirname, '../../docs/openapi.yaml');
  assert.equal(readFileSync(file, 'utf8'), openApiText());
});

test('the document has the pages of the server with their methods, and no others', () => {
  const paths = fieldOf(openApiDocument(), 'paths');
  assert.ok(typeof paths === 'object' && paths !== null);
  const described = Object.entries(paths).map(([path, operations]) => [
    path,
    Object.keys(operations).toSorted(),
  ]);
  const served = Array.from(pageMethods(), ([path, methods]) => {
    // Every page that answers GET answers HEAD.
    const others = methods.filter((method) => method !== 'HEAD').map((method) => method.toLowerCase());
    return [path, others.toSorted()];
  });
  assert.deepEqual(Object.fromEntries(described), Object.fromEntries(served));
});

test('503 is described for all pages whose answers are shared, since there may be no room for a question', () => {
  const paths = fieldOf(openApiDocument(), 'paths');
  for (const [path, page] of pages) {
    const responses = fieldOf(fieldOf(fieldOf(paths, path), 'get'), 'responses');
    const isDescribed = fieldOf(fieldOf(fieldOf(responses, '503'), 'headers'), 'Retry-After') !== undefined;
    assert.equal(isDescribed, page.sharedBy !== undefined, path);
  }
});

test('requests can be signed, but for those with a body, which a signature does not cover', () => {
  const document = openApiDocument();
  assert.deepEqual(fieldOf(document, 'security'), [{ token: [] }, { signature: [] }, {}]);
  const schemes = fieldOf(fieldOf(document, 'components'), 'securitySchemes');
  assert.equal(fieldOf(fieldOf(schemes, 'signature'), 'scheme'), 'Framegate-HMAC');
  for (const [path, methods] of pageMethods()) {
    for (const method of methods.filter((one) => one !== 'HEAD')) {
      const operation = fieldOf(fieldOf(fieldOf(document, 'paths'), path), method.toLowerCase());
      const security = fieldOf(operation, 'security');
      if (fieldOf(operation, 'requestBody') !== undefined)
        assert.deepEqual(security, [{ token: [] }, {}], path);
      else assert.ok(security === undefined || JSON.stringify(security) === '[]', path);
    }
  }
});

test('every schema that is named is there, and every one that is there is named', () => {
  const document = openApiDocument();
  const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  const schemas = fieldOf(fieldOf(document, 'components'), 'schemas');
  assert.ok(typeof schemas === 'object' && schemas !== null);
  assert.deepEqual([...new Set(names)].toSorted(), Object.keys(schemas).toSorted());
});

test('the check of answers sees what is missing, what is too much, and what is of another kind', () => {
  const schema = { $ref: '#/components/schemas/Draining' };
  assert.deepEqual(problemsOf(schema, { state: 'draining', calls: 1 }), []);
  assert.equal(problemsOf(schema, { state: 'draining' }).length, 1);
  assert.equal(problemsOf(schema, { state: 'draining', calls: 1, more: 1 }).length, 1);
  assert.equal(problemsOf(schema, { state: 'draining', calls: '1' }).length, 1);
});
