// A command that gives an order to a running proxy: its options, whether the proxy is the intended one, and the proxy's answer.

import { fieldOf } from '../control/answer-fields.ts';
import { type AdminAnswer, askAdmin } from '../control/ask-admin.ts';
import { adminOptions, describeOtherProxy, findAdmin } from './admin-client.ts';
import { readOptions } from './options.ts';

export interface AdminOrder {
  readonly command: string;
  readonly usage: string;
  /** Of the admin server. */
  readonly path: string;
  /** What the answer has if the order is carried out: this status, and a number in this field. Any program may answer with a status. */
  readonly done: { readonly status: number; readonly field: string };
}

/** @returns the answer, or the exit code of the command if the order was not given */
export async function giveOrder(
  argv: readonly string[],
  { command, usage, path, done }: AdminOrder,
): Promise<AdminAnswer | number> {
  const fail = (message: string): number => {
    process.stderr.write(`framegate ${command}: ${message}\n`);
    return 1;
  };
  const parsed = readOptions(argv, adminOptions);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage.trimEnd()}`);
  if (parsed.values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const found = findAdmin(parsed.values);
  if (typeof found === 'string') return fail(found);
  const other = await describeOtherProxy(found);
  if (other !== undefined) {
    const meant = `Name that file, or give --admin ${found.address.text} to mean it`;
    return fail(`${other}; nothing was asked of it. ${meant}`);
  }
  const answer = await askAdmin(found, 'POST', path);
  if (typeof answer === 'string') return fail(answer);
  if (answer.status === done.status && typeof fieldOf(answer.body, done.field) !== 'number') {
    return fail(
      `what answers on ${found.address.text} is no admin server of Framegate (HTTP ${answer.status} for ${path}), so nothing is known of what it did`,
    );
  }
  return answer;
}
