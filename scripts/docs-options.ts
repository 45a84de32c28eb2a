// The options of `npm run docs`, and what is wrong with them in a sentence.

import { readOptions } from '../src/cli/options.ts';

export const usage = `Usage: npm run docs -- [options]

Builds the documentation site in build/site.

  --serve        serve it on loopback afterwards, until Ctrl-C
  --port PORT    the port of --serve, which is never replaced; 0 takes any free port
                 (default: 8088, or the next free one)
  --check        check every link, anchor and the search index of what was built; exit code 1 if something is wrong
  --base PATH    the path at which it will be served (/)
  -h, --help     show this help
`;

export interface DocsOptions {
  readonly isServed: boolean;
  readonly isChecked: boolean;
  readonly isHelp: boolean;
  /** Undefined means the usual one, or the next that is free. */
  readonly port: number | undefined;
  /** With a slash at its begin and its end. */
  readonly base: string;
}

/** @returns the options, or a sentence about what is wrong with them */
export function readDocsOptions(argv: readonly string[]): DocsOptions | string {
  const parsed = readOptions(argv, {
    serve: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
    port: { type: 'string' },
    base: { type: 'string', default: '/' },
  });
  if (typeof parsed === 'string') return parsed;
  const { serve, check, help, port, base } = parsed.values;
  const number = port === undefined ? undefined : Number(port);
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)) {
    return `"${port}" is no port; write a number from 0 to 65535, for example: npm run docs -- --serve --port 9088`;
  }
  if (number !== undefined && !serve) return '--port is the port of --serve; give both';
  return {
    isServed: serve,
    isChecked: check,
    isHelp: help,
    port: number,
    base: `/${base}/`.replaceAll(/\/+/g, '/'),
  };
}
