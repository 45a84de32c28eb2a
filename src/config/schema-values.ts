// The kinds of values in the configuration: parsed texts, durations, sizes, addresses, names.
// Only this file imports zod; the files that describe a part of the configuration import `z` from here.

import { z } from 'zod';
import { parseAddress, parseListenAddress, parseNetwork } from './address.ts';
import { valueKind } from './key-notes.ts';
import { type Fault, isFault } from './problem.ts';
import {
  durationPattern,
  parseDurationBetween,
  parsePercentageBetween,
  parseSizeBetween,
  percentagePattern,
  sizePattern,
} from './units.ts';

export { z };
export type SchemaIssue = z.core.$ZodIssue;
export type RawIssue = z.core.$ZodRawIssue;
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A text that `parse` turns into what the program needs, or into a fault. */
export function parsed<T>(
  expected: string,
  parse: (text: string) => T | Fault,
  meta: Record<string, unknown> = {},
) {
  return z
    .string(expecting(expected))
    .meta(meta)
    .transform((text, context) => accept(parse(text), text, context));
}

function accept<T>(result: T | Fault, input: unknown, context: z.RefinementCtx): T {
  if (!isFault(result)) return result;
  context.issues.push({ code: 'custom', message: result.message, params: { hint: result.hint }, input });
  return z.NEVER;
}

/** The message for a value of the wrong kind. A missing, empty or out-of-range value has the same message for every key. */
export function expecting(expected: string) {
  return {
    error: ({ code, input }: { readonly code?: string; readonly input?: unknown }) =>
      (code === 'invalid_type' || code === 'invalid_union') && input !== undefined && input !== null
        ? `must be ${expected}`
        : undefined,
  };
}

export function duration(lowest: string, highest: string) {
  const parse = (text: string) => parseDurationBetween(text, lowest, highest);
  return parsed('a duration such as 250ms, 5s, 10m or 1h', parse, {
    pattern: durationPattern.source,
    ...valueKind('duration', [lowest, highest]),
  });
}

export function size(lowest: string, highest: string, expected = 'a size such as 512, 64KiB or 1MiB') {
  const text = z.string().meta({ pattern: sizePattern.source });
  const parse = (value: string) => parseSizeBetween(value, lowest, highest, expected);
  return z
    .union([z.int().min(0), text], expecting(expected))
    .transform((value, context) => accept(parse(String(value)), value, context))
    .meta(valueKind('size', [lowest, highest]));
}

export function count(lowest: number, highest: number) {
  return z.int(expecting('a whole number')).min(lowest).max(highest);
}

/** A share such as 20%, which becomes 0.2. */
export function percentage(lowest: number, highest: number) {
  const parse = (text: string) => parsePercentageBetween(text, lowest, highest);
  return parsed('a percentage such as 20%', parse, {
    pattern: percentagePattern.source,
    ...valueKind('percentage', [`${lowest}%`, `${highest}%`]),
  });
}

export const off = z.literal('off');

export const listenAddress = parsed('an address such as 0.0.0.0:8443', parseListenAddress, {
  ...valueKind('address'),
  examples: ['0.0.0.0:8443', '[::]:8443', 'unix:/run/framegate.sock', 'systemd:framegate-https'],
});

export const adminAddress = parsed(
  'an address such as 127.0.0.1:9901',
  (text) => parseAddress(text, 'listen'),
  { ...valueKind('address'), examples: ['127.0.0.1:9901', '[::1]:9901', 'unix:/run/framegate/admin.sock'] },
);

export const endpointAddress = parsed(
  'an address such as 127.0.0.1:50051',
  (text) => parseAddress(text, 'connect'),
  {
    ...valueKind('address'),
    examples: ['127.0.0.1:50051', '[::1]:50051', 'unix:/run/service.sock'],
  },
);

// Names appear in logs, metric labels and messages, so they must not contain control characters.
export const name = z
  .string(expecting('text'))
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'must not hold control characters')
  .meta(valueKind('name'));

export const fileName = z
  .string(expecting('the name of a file'))
  .min(1)
  .regex(/^[^\n\0]*$/, 'must be the name of a file, not what is in it')
  .meta(valueKind('path of a file'));

export const network = parsed('a network such as 10.0.0.0/8', parseNetwork, {
  ...valueKind('network'),
  examples: ['10.0.0.0/8', 'fd00::/8'],
});
