// Runs the scripts that take leases, on keys of the doctor's own, which go away by themselves within a second. A server checks the rights
// of its user for each command in a script, so that a script without commands would prove nothing.

import type { StoreConfig } from '../config/stores-config.ts';
import { NEEDED_IN_CLUSTER, NEEDED_RIGHTS } from '../diagnosis/store-answer.ts';
import { hashOfScript, LEASE_SCRIPT, PRESENCE_SCRIPT } from '../stores/lease-script.ts';
import type { RespReply } from './resp-call.ts';

/** A node of a cluster runs scripts on the keys that it has. One of three nodes has none of so many in 1 of 11 cases. */
const CLUSTER_TRIES = 6;

/** One token of a limit of 1,000 a second: its key lives for two milliseconds. */
const LEASE_VALUES = ['1000', '1', '0', '0', '1'];
const PRESENCE_VALUES = ['doctor', '1', '1000'];
/** The script for proxies does so only if one has not been heard of for a while. */
const REMOVE_SCRIPT = "return redis.call('ZREM', KEYS[1], ARGV[1])";

/** @returns commands for one server, to be sent one after another */
export function scriptCommands({ prefix, kind }: StoreConfig): readonly (readonly string[])[] {
  const tries = kind === 'cluster' ? CLUSTER_TRIES : 1;
  return Array.from({ length: tries }, (_, at) => {
    const [lease, presence] = ['lease', 'presence'].map((what) => `${prefix}:{doctor${at}}:${what}`);
    return [
      ['EVAL', LEASE_SCRIPT, '1', lease, ...LEASE_VALUES],
      ['EVALSHA', hashOfScript(LEASE_SCRIPT), '1', lease, ...LEASE_VALUES],
      ['EVAL', PRESENCE_SCRIPT, '1', presence, ...PRESENCE_VALUES],
      ['EVAL', REMOVE_SCRIPT, '1', presence, ...PRESENCE_VALUES],
    ];
  }).flat();
}

/**
 * @param replies to these commands; some may be missing at the end
 * @returns the first one that shows that leases cannot be taken; 'good' if they can be; 'elsewhere' if other nodes have all of the keys
 */
export function judgeScripts(
  replies: readonly (RespReply | undefined)[],
): RespReply | 'good' | 'elsewhere' | undefined {
  const decisive = replies.filter((reply) => !isElsewhere(reply));
  if (replies.length > 0 && decisive.length === 0) return 'elsewhere';
  const bad = decisive.find((reply) => reply?.kind !== 'list' && reply?.kind !== 'text');
  return bad === undefined && decisive.length > 0 ? 'good' : bad;
}

function isElsewhere(reply: RespReply | undefined): boolean {
  return reply?.kind === 'error' && reply.word === 'MOVED';
}

/** What allows a user of the server to take leases, in the words of its ACL. */
export function neededRights({ prefix, kind }: StoreConfig): string {
  const more = kind === 'cluster' ? ` ${NEEDED_IN_CLUSTER}` : '';
  return `${NEEDED_RIGHTS}${more} ~${prefix}:*`;
}
