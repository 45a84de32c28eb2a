// The schema of `stores`: where limits that several machines share are counted.

import { key } from './key-notes.ts';
import { count, expecting, fileName, name, parsed, z } from './schema-values.ts';
import { secretSource } from './secret-schema.ts';
import { parseStoreServer, whyNotTogether } from './store-values.ts';

const server = parsed('a URL such as redis://127.0.0.1:6379', parseStoreServer, {
  examples: ['redis://127.0.0.1:6379', 'rediss://redis.example.com:6379'],
});

const password = secretSource('password');

const store = z
  .strictObject({
    redis: z
      .union(
        [server, z.array(server).min(1).max(64)],
        expecting('a URL such as redis://127.0.0.1:6379, or a list of them'),
      )
      .meta(
        key(
          'Where Redis (7 or later) or Valkey is: one server, or a list of nodes of a cluster or of sentinels. `rediss`: over TLS. ' +
            'Without a port: 6379.',
          {
            values: 'URL (`redis` or `rediss`) without user, password and path, or list of URLs',
            like: { Envoy: '`REDIS_URL` of `envoyproxy/ratelimit`' },
          },
        ),
      ),
    failure: z
      .enum(['local', 'open', 'closed'])
      .default('local')
      .meta(
        key(
          'What holds while the store does not answer. `local`: each process counts for itself, with its share of the limit. `open`: ' +
            'nothing is limited. `closed`: nothing passes that was not granted before.',
          {
            like: { Envoy: 'failure_mode_deny' },
            more: '[Without the store](limits.md#without-the-store)',
          },
        ),
      ),
    cluster: z
      .boolean(expecting('true or false'))
      .default(false)
      .meta(key('Whether `redis` names nodes of a cluster.')),
    sentinel: name.optional().meta(
      key('The name under which the sentinels that `redis` names know the server.', {
        unset: '`redis` names no sentinels',
        condition: 'not beside `cluster`',
        like: { Redis: '`sentinel monitor NAME`' },
      }),
    ),
    user: name.optional().meta(
      key('The user that Framegate logs in as.', {
        unset: '`default`',
        condition: 'beside `password`',
        like: { Redis: 'ACL SETUSER' },
      }),
    ),
    password: password.optional().meta(
      key('Where the password is. Framegate shows it nowhere.', {
        unset: 'Framegate does not log in',
        like: { Redis: 'requirepass' },
      }),
    ),
    database: count(0, 9999)
      .default(0)
      .meta(key('The number of the database.', { condition: '0 in a cluster', like: { Redis: 'SELECT' } })),
    prefix: z
      .string(expecting('text'))
      .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'must be up to 64 letters, digits and -_.:')
      .default('framegate')
      .meta(
        key('What the names of all keys begin with. Proxies with the same prefix share their limits.', {
          values: 'letters, digits and `-_.:`',
        }),
      ),
    ca: fileName.optional().meta(
      key(
        'The PEM file with the certificates of the authorities that sign the certificates of the servers.',
        {
          unset: 'the authorities that Node knows',
          condition: 'with `rediss`',
        },
      ),
    ),
  })
  .superRefine((given, context) => {
    for (const { message, at, hint } of issuesOf(given))
      context.issues.push({ code: 'custom', message, path: [at], input: given, params: { hint } });
  });

export const stores = z.record(name, store, expecting('a map of names to stores'));

type Given = Pick<
  z.output<typeof store>,
  'redis' | 'cluster' | 'sentinel' | 'user' | 'password' | 'database' | 'ca'
>;

interface Issue {
  readonly message: string;
  readonly at: string;
  readonly hint: string;
}

function issuesOf(given: Given): readonly Issue[] {
  const { cluster, sentinel, database, user, password: secret, ca } = given;
  const servers = Array.isArray(given.redis) ? given.redis : [given.redis];
  const apart = whyNotTogether(servers);
  const issues: (Issue | false)[] = [
    apart !== undefined && { message: apart.message, at: 'redis', hint: apart.hint ?? '' },
    servers.length > 1 &&
      !cluster &&
      sentinel === undefined && {
        message: 'names several servers',
        at: 'redis',
        hint: 'write cluster: true, or sentinel: NAME, or one server',
      },
    cluster &&
      sentinel !== undefined && {
        message: 'is of no use in a cluster',
        at: 'sentinel',
        hint: 'remove it, or cluster',
      },
    cluster &&
      database !== 0 && { message: 'a cluster has database 0 only', at: 'database', hint: 'remove it' },
    user !== undefined &&
      secret === undefined && {
        message: 'has no password beside it',
        at: 'user',
        hint: 'write password: { file: FILE } or password: { environment: NAME }',
      },
    ca !== undefined &&
      !servers.some(({ isTls }) => isTls) && {
        message: 'is of no use without TLS',
        at: 'ca',
        hint: 'write rediss:// in place of redis://, or remove it',
      },
  ];
  return issues.filter((issue) => issue !== false);
}
