// The schema of a secret that is read from a file or from an environment variable, and never written into the configuration.

import { key } from './key-notes.ts';
import { expecting, fileName, z } from './schema-values.ts';

/** @param what the name of the secret in the reference: 'value', 'password' */
export function secretSource(what: string) {
  return z
    .strictObject(
      {
        file: fileName.optional().meta(
          key(
            `A file that holds the ${what}, and may end with a line break. The start and each reload read it.`,
            {
              required: 'unless there is `environment`',
            },
          ),
        ),
        environment: z
          .string(expecting('the name of an environment variable'))
          .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 'must be the name of an environment variable')
          .optional()
          .meta(
            key(`The environment variable that holds the ${what}.`, {
              values: 'the name of an environment variable',
              required: 'unless there is `file`',
            }),
          ),
      },
      expecting('a map with file or environment'),
    )
    .refine(({ file, environment }) => (file === undefined) !== (environment === undefined), {
      message: 'needs file or environment, and not both',
    });
}
