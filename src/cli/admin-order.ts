// A command that gives an order to a running proxy: its options, whether the proxy is the intended one, and the proxy's answer.

import type { AdminTarget } from '../control/admin-target.ts';
import { fieldOf } from '../control/answer-fields.ts';
import { type AdminAnswer, askAdmin } from '../control/ask-admin.ts';
import { type AdminOptions, adminOptions, describeDoubtfulProxy, findAdmin } from './admin-client.ts';
import { readOptions } from './options.ts';

export interface AdminOrder {
  readonly command: string;
  readonly usage: string;
  /** Of the admin server. */
  readonly path: string;
  /** What the answer has if the order is carried out: this status, and a number in this field. Any program may answer with a status. */
  readonly done: { readonly status: number; readonly field: string };
  /** Those that only this command has. */
  readonly options?: Readonly<Record<string, { readonly type: 'boolean' | 'string' }>>;
  /** @returns what is wrong with their values */
  readonly findFault?: (values: Readonly<Record<string, unknown>>) => string | undefined;
}

/** The answer to an order, and who has given it. */
export interface GivenOrder {
  readonly answer: AdminAnswer;
  readonly admin: AdminTarget;
  readonly values: AdminOptions & Readonly<Record<string, unknown>>;
}

/** @returns the answer, or the exit code of the command if the order was not given */
export async function giveOrder(
  argv: readonly string[],
  { command, usage, path, done, options = {}, findFault }: AdminOrder,
): Promise<GivenOrder | number> {
  const fail = (message: string): number => {
    process.stderr.write(`framegate ${command}: ${message}\n`);
    return 1;
  };
  const parsed = readOptions(argv, { ...options, ...adminOptions });
  const fault = typeof parsed === 'string' ? parsed : findFault?.(parsed.values);
  if (typeof parsed === 'string' || (fault !== undefined && !parsed.values.help))
    return fail(`${fault}\n\n${usage.trimEnd()}`);
  if (parsed.values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const found = findAdmin(parsed.values);
  if (typeof found === 'string') return fail(found);
  if (found.fault !== undefined) process.stderr.write(`framegate ${command}: ${found.fault}\n`);
  const other = await describeDoubtfulProxy(found);
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
  return { answer, admin: found, values: parsed.values };
}
