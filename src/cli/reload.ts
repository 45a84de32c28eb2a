// `framegate reload`: asks a running proxy to read its configuration again, and prints what came of it.

import {
  ADMIN_OPTIONS_HELP,
  adminOptions,
  askAdmin,
  describeOtherProxy,
  fieldOf,
  findAdmin,
  listOf,
  textOf,
} from './admin-client.ts';
import { readOptions } from './options.ts';

const usage = `Usage: framegate reload [--admin ADDRESS | -c FILE]

Asks a running proxy to read its configuration again, as SIGHUP does, and
waits for the answer: what changed, or every problem.

${ADMIN_OPTIONS_HELP}
  -h, --help           show this help

Exit code: 0 when the new configuration is in use, 1 when the old one stays.
`;

export async function reload(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, adminOptions);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage}`);
  if (parsed.values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const found = findAdmin({ admin: parsed.values.admin, config: parsed.values.config });
  if (typeof found === 'string') return fail(`${found}\n`);
  const other = await describeOtherProxy(found);
  if (other !== undefined)
    return fail(
      `${other}; nothing was asked of it. Name that file, or give --admin ${found.address.text} to mean it\n`,
    );
  const { address } = found;
  const answer = await askAdmin(address, 'POST', '/api/reload');
  if (typeof answer === 'string') return fail(`${answer}\n`);
  const { status, body } = answer;
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
