// The schema of what a route changes in header sections on their way, and of the authority that its services are sent.

import { parseEditedName, parseHeaderTemplate, parseResponseTemplate } from './header-template.ts';
import { key, type ShownTo, shownTo } from './key-notes.ts';
import { parseHostPattern } from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';
import type { HeaderTemplate } from './route-config.ts';
import { expecting, parsed, z } from './schema-values.ts';

const headerName = parsed('text', parseEditedName, { examples: ['x-tenant'] });

/** @param parse reads the values */
function changesWith(parse: (text: string) => HeaderTemplate | Fault, shown: ShownTo) {
  const values = z.record(
    headerName,
    parsed('text (put it in quotes)', parse, shownTo(shown)),
    expecting('a map of header names to values'),
  );
  return z
    .strictObject({
      set: values.prefault({}).meta(
        key('Replaces all fields of each name by one of this value.', {
          unset: 'none',
          values: 'map of header names to texts',
          like: { nginx: 'grpc_set_header', Envoy: '`OVERWRITE_IF_EXISTS_OR_ADD`' },
        }),
      ),
      add: values.prefault({}).meta(
        key('Adds a field beside those of the same name.', {
          unset: 'none',
          values: 'map of header names to texts',
          like: { nginx: 'add_header', Envoy: '`APPEND_IF_EXISTS_OR_ADD`' },
        }),
      ),
      remove: z
        .array(headerName, expecting('a list of header names'))
        .prefault([])
        .meta(
          key('Removes all fields of these names.', {
            unset: 'none',
            values: 'list of header names',
            like: { nginx: 'grpc_hide_header' },
          }),
        ),
    })
    .superRefine((given, context) => {
      const names = [...Object.keys(given.set), ...Object.keys(given.add), ...given.remove];
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice === undefined) return;
      context.issues.push({
        code: 'custom',
        message: `changes ${twice} twice`,
        input: given,
        params: { hint: 'set replaces what was there, so one of set, add and remove is enough' },
      });
    });
}

const requestChanges = changesWith(parseHeaderTemplate, 'nobody');
const responseChanges = changesWith(parseResponseTemplate, 'unless-secret');

const more = '[Header fields](configuration.md#header-fields)';

export const headers = z.strictObject({
  request: requestChanges
    .optional()
    .meta(key('What changes in requests before services get them.', { unset: 'nothing', more })),
  response: responseChanges.optional().meta(
    key('What changes in the header section of responses, also of those that Framegate makes itself.', {
      unset: 'nothing',
      more,
    }),
  ),
  trailers: responseChanges.optional().meta(
    key('What changes in the trailer section of responses, which ends each gRPC call.', {
      unset: 'nothing',
      more,
    }),
  ),
});

export const authority = parsed('a name such as voice.internal', parseAuthority, {
  examples: ['keep', 'endpoint', 'voice.internal', 'voice.internal:50051'],
});

interface RouteAuthority {
  /** Undefined for `keep` and `endpoint`. */
  readonly name: string | undefined;
  readonly isEndpoint: boolean;
}

function parseAuthority(text: string): RouteAuthority | Fault {
  if (text === 'keep' || text === 'endpoint') return { name: undefined, isEndpoint: text === 'endpoint' };
  const [, host, port] = /^(.*?)(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const parsedHost = parseHostPattern(host);
  if (isFault(parsedHost)) return parsedHost;
  if (parsedHost.startsWith('*.')) return { message: `'${text}' is not one name` };
  if (Number(port ?? 0) > 65_535) return { message: `'${text}' has a port above 65535` };
  return { name: port === undefined ? parsedHost : `${parsedHost}:${port}`, isEndpoint: false };
}
