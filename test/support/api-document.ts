// Holds answers of the admin API against its OpenAPI document. A property that the document does not name is a fault too, though the
// document allows later versions to add some.

import assert from 'node:assert/strict';
import { z } from 'zod';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { fieldOf } from '../../src/control/answer-fields.ts';

export interface Answered {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

const document = openApiDocument();
const schemas = fieldOf(fieldOf(document, 'components'), 'schemas');
const definitions = closed(schemas);

/** Fails if the document does not describe this answer. */
export function wantDescribed({ method, path, status, contentType, text }: Answered): void {
  const where = `${method} ${path}: ${status}`;
  const response = responseOf(method, path, status);
  assert.ok(response !== undefined, `${where} is not in the document`);
  const [mediaType] = contentType.split(';');
  const schema = fieldOf(fieldOf(fieldOf(response, 'content'), mediaType), 'schema');
  assert.ok(schema !== undefined, `${where} is not described as ${mediaType}`);
  if (mediaType !== 'application/json') return;
  const problems = problemsOf(schema, JSON.parse(text));
  assert.deepEqual(problems, [], `${where}\n${text.slice(0, 2000)}`);
}

function responseOf(method: string, path: string, status: number): unknown {
  const [page] = path.split('?');
  const template = page.replace(/^(\/api\/upstreams\/)[^/]+(\/endpoints)$/, '$1{name}$2');
  const operation = fieldOf(fieldOf(fieldOf(document, 'paths'), template), method.toLowerCase());
  return fieldOf(fieldOf(operation, 'responses'), String(status));
}

export function problemsOf(schema: unknown, value: unknown): readonly string[] {
  const whole: unknown = JSON.parse(JSON.stringify({ ...asObject(closed(schema)), $defs: definitions }));
  assert.ok(isSchema(whole));
  const result = z.fromJSONSchema(whole).safeParse(value);
  return result.success
    ? []
    : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

function isSchema(value: unknown): value is Exclude<Parameters<typeof z.fromJSONSchema>[0], boolean> {
  return typeof value === 'object' && value !== null;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}

/** @returns the schema without room for more properties, and with references into $defs */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]): readonly [string, unknown] =>
    key === '$ref' ? [key, String(value).replace('#/components/schemas/', '#/$defs/')] : [key, closed(value)],
  );
  const isClosed = 'properties' in schema && !('additionalProperties' in schema);
  return Object.fromEntries(isClosed ? [...entries, ['additionalProperties', false]] : entries);
}
