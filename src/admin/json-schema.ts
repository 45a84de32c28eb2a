// Short ways to write JSON Schema (2020-12, as OpenAPI 3.1 has it) for the answers of the admin API.

export type JsonSchema = Readonly<Record<string, unknown>>;

export function text(description?: string): JsonSchema {
  return { type: 'string', ...described(description) };
}

export function number(description?: string): JsonSchema {
  return { type: 'number', ...described(description) };
}

/** A whole number from 0 on. */
export function count(description?: string): JsonSchema {
  return { type: 'integer', minimum: 0, ...described(description) };
}

export function flag(description?: string): JsonSchema {
  return { type: 'boolean', ...described(description) };
}

export function time(description?: string): JsonSchema {
  return { type: 'string', format: 'date-time', ...described(description) };
}

export function oneOfTexts(values: readonly string[], description?: string): JsonSchema {
  return { type: 'string', enum: values, ...described(description) };
}

export function list(items: JsonSchema, description?: string): JsonSchema {
  return { type: 'array', items, ...described(description) };
}

/** @param values the schema of each value; keys are names of the configuration, codes or tokens */
export function mapTo(values: JsonSchema, description?: string): JsonSchema {
  return { type: 'object', additionalProperties: values, ...described(description) };
}

/** @param properties a name that ends in `?` is that of a property that may be missing. Later versions may add properties. */
export function object(properties: Readonly<Record<string, JsonSchema>>, description?: string): JsonSchema {
  const entries = Object.entries(properties);
  const required = entries.map(([name]) => name).filter((name) => !name.endsWith('?'));
  return {
    type: 'object',
    ...described(description),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** @param name of a schema in the components of the document */
export function reference(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

function described(description: string | undefined): JsonSchema {
  return description === undefined ? {} : { description };
}
