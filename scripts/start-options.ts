// The options of `npm start`, and what is wrong with them in a sentence.

import { readOptions } from '../src/cli/options.ts';

export const usage = `Usage: npm start -- [--port N]

Builds Framegate, serves config.example.yaml with a demo service behind it, proves both by one call
over TLS, and prints clients to copy. Ctrl-C ends it.

      --port N   the port for gRPC over TLS, 1 to 65535 (default: that of config.example.yaml, 8443)
  -h, --help     show this help

A port of config.example.yaml that is taken is replaced by the next free one, and the output says so.
The port of --port is never replaced.
`;

export interface StartOptions {
  /** The port of the first listener with TLS. Undefined means that of the configuration, or the next free one. */
  readonly port: number | undefined;
  readonly isHelp: boolean;
}

/**
 * @param hasNpmTakenPort whether npm has read --port as an option of its own, because no -- stood before it
 * @returns the options, or a sentence about what is wrong with them
 */
export function readStartOptions(argv: readonly string[], hasNpmTakenPort: boolean): StartOptions | string {
  if (hasNpmTakenPort) {
    return `npm took --port for an option of its own; write -- before it: npm start -- --port ${argv[0] ?? 'N'}`;
  }
  const parsed = readOptions(argv, {
    port: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if (typeof parsed === 'string') return parsed;
  const { port, help } = parsed.values;
  if (port === undefined) return { port: undefined, isHelp: help };
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) {
    return `"${port}" is no port; write a number from 1 to 65535, for example: npm start -- --port 9443`;
  }
  return { port: number, isHelp: help };
}
