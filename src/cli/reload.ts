// `framegate reload`: asks a running proxy to read its configuration again, and prints the result.

import { fieldOf, listOf, textOf } from '../control/answer-fields.ts';
import { ADMIN_OPTIONS_HELP } from './admin-client.ts';
import { giveOrder } from './admin-order.ts';

const usage = `Usage: framegate reload [--admin ADDRESS | -c FILE] [--token-file FILE]

Asks a running proxy to read its configuration again, as SIGHUP does, and
waits for the answer: what changed, or every problem.

${ADMIN_OPTIONS_HELP}
  -h, --help           show this help

Exit code: 0 when the new configuration is in use, 1 when the old one stays.
`;

export async function reload(argv: readonly string[]): Promise<number> {
  const given = await giveOrder(argv, {
    command: 'reload',
    usage,
    path: '/api/reload',
    done: { status: 200, field: 'epoch' },
  });
  if (typeof given === 'number') return given;
  const { status, body } = given.answer;
  for (const warning of listOf(fieldOf(body, 'warnings'))) process.stderr.write(`${textOf(warning)}\n`);
  if (status === 200) {
    process.stdout.write(
      `reloaded: epoch ${textOf(fieldOf(body, 'epoch'))}, ${changesOf(fieldOf(body, 'changes'))}\n`,
    );
    return 0;
  }
  for (const problem of listOf(fieldOf(body, 'problems'))) process.stderr.write(`${textOf(problem)}\n`);
  const reason = [fieldOf(body, 'reason'), fieldOf(body, 'error'), body]
    .map(textOf)
    .find((text) => text !== '');
  return fail(
    `the running configuration stays in use${reason === undefined ? '' : `: ${reason}`} (HTTP ${status})\n`,
  );
}

/** @returns such as `2 routes added, upstream voice changed`, or that nothing changed */
function changesOf(changes: unknown): string {
  const parts: string[] = [];
  for (const kind of ['listeners', 'routes', 'upstreams']) {
    for (const verb of ['added', 'changed', 'removed']) {
      const names = listOf(fieldOf(fieldOf(changes, kind), verb)).map(textOf);
      if (names.length > 0) parts.push(`${kind} ${verb}: ${names.join(', ')}`);
    }
  }
  const sections = listOf(fieldOf(changes, 'sections')).map(textOf);
  if (sections.length > 0) parts.push(`sections changed: ${sections.join(', ')}`);
  return parts.length === 0 ? 'nothing changed' : parts.join('; ');
}

function fail(message: string): number {
  process.stderr.write(`framegate reload: ${message}`);
  return 1;
}
