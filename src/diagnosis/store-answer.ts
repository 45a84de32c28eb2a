// What the first words of errors mean that Redis and Valkey answer with, and own words for what follows from an error, and what to do. The doctor, the log, the diagnosis and `framegate status`
// say the same.

export interface StoreAnswer {
  /** The end of a sentence about the server. */
  readonly predicate: string;
  readonly remedy: string;
}

/**
 * What a user of the server has to be allowed, in the words of its ACL: the commands that a proxy and the doctor send, and those in the
 * scripts, which the server checks as well.
 */
export const NEEDED_RIGHTS =
  '+ping +select +eval +evalsha +time +get +set +zadd +zrem +zrange +zrangebyscore +pexpire';
/** What a cluster needs beside these. */
export const NEEDED_IN_CLUSTER = '+cluster|slots';

const WITHOUT_STORE: ReadonlyMap<string, string> = new Map([
  ['local', 'each process counts for itself, with its share of the limits'],
  ['open', 'its limits let everything pass'],
  ['closed', 'calls under its limits are refused, and streams end, once what was leased is used up'],
]);

/** @param failure of the store in the configuration. @returns what holds while the store does not answer, as a part of a sentence */
export function describeWithoutStore(failure: string): string {
  return WITHOUT_STORE.get(failure) ?? '';
}

const ANSWERS: ReadonlyMap<string, StoreAnswer> = new Map([
  [
    'WRONGPASS',
    {
      predicate: 'refuses the user or the password',
      remedy: 'compare `user` and `password` with the ACL of the server',
    },
  ],
  [
    'NOAUTH',
    {
      predicate: 'wants a password',
      remedy: 'write `password: { file: NAME }`, and `user` if it is not the default one',
    },
  ],
  [
    'NOPERM',
    {
      predicate: 'forbids this user a command or a key that leases need',
      remedy: `allow what they need: ${NEEDED_RIGHTS} ~PREFIX:*`,
    },
  ],
  ['LOADING', { predicate: 'is still loading its data', remedy: 'wait, or see in its log what it loads' }],
  ['DENIED', { predicate: 'is in protected mode', remedy: 'set a password there, or bind it to an address' }],
  ['CLUSTERDOWN', { predicate: 'says that its cluster is down', remedy: 'see CLUSTER INFO on a node' }],
  [
    'no_database',
    {
      predicate: 'does not open the database of `database`',
      remedy: 'write a number below `databases` of the server; a cluster has 0 alone',
    },
  ],
  ['READONLY', { predicate: 'is a replica, on which nothing can be written', remedy: 'name the primary' }],
]);

/** @param word such as NOAUTH, or `no_database` for any other error that SELECT is answered with. @returns undefined if nothing more is known of it */
export function describeStoreAnswer(word: string): StoreAnswer | undefined {
  return ANSWERS.get(word);
}
