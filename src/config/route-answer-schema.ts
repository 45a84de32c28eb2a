// The schema of routes that have no upstream: Framegate answers their calls itself, or sends their clients elsewhere.

import { parseEditedName, parsePlainValue } from './header-template.ts';
import { key, shownTo } from './key-notes.ts';
import type { Fault } from './problem.ts';
import { RETRYABLE_STATUSES } from './route-time-schema.ts';
import { count, expecting, parsed, z } from './schema-values.ts';

const MOST_BODY_CHARACTERS = 65_536;

export const respond = z
  .strictObject({
    status: count(200, 599).meta(key('The HTTP status of the response.', { like: { nginx: 'return' } })),
    grpcStatus: z
      .enum(RETRYABLE_STATUSES)
      .optional()
      .meta(
        key('The status that gRPC calls get. Their message is `body`.', {
          unset: 'the status that gRPC derives from the HTTP status, such as `UNAVAILABLE` from 503',
          values: 'name of a gRPC status other than `OK`',
        }),
      ),
    body: z
      .string(expecting('text'))
      .max(MOST_BODY_CHARACTERS)
      .meta(shownTo('unless-secret'))
      .optional()
      .meta(
        key('The content of the response.', {
          unset: 'no content',
          values: `text of at most ${MOST_BODY_CHARACTERS} characters`,
        }),
      ),
    headers: z
      .record(
        parsed('text', parseEditedName),
        parsed('text (put it in quotes)', parsePlainValue, shownTo('unless-secret')),
        expecting('a map of header names to values'),
      )
      .prefault({})
      .meta(
        key('Header fields of the response. Without a `content-type`, a body is plain text.', {
          unset: 'none',
          values: 'map of header names to texts',
        }),
      ),
  })
  .refine(({ status, body = '' }) => body === '' || ![204, 205, 304].includes(status), {
    message: 'stands beside a status whose responses have no content',
    path: ['body'],
    params: { hint: 'remove body, or write another status' },
  });

const STATUSES = [301, 302, 303, 307, 308] as const;

export const redirect = z.strictObject({
  to: parsed('https, a URL such as https://www.example.com, or a path', parseRedirectTarget, {
    examples: ['https', 'https://www.example.com', 'https://${host}:8443', '/new'],
  }).meta(
    key(
      'Where clients are sent. `https`: the same host and path by https. A URL without a path: the path and query of the request, there. ' +
        'A URL with a path: exactly there. `${host}` in place of the host of a URL: that of the request. A path: there, at the same ' +
        'scheme, host and port.',
      { values: '`https`, a URL, or a path', like: { nginx: 'return', Envoy: 'redirect' } },
    ),
  ),
  status: z
    .union(
      STATUSES.map((status) => z.literal(status)),
      expecting('301, 302, 303, 307 or 308'),
    )
    .default(308)
    .meta(
      key('The HTTP status of the response. With 307 and 308 clients keep the method of their request.', {
        values: '301, 302, 303, 307 or 308',
      }),
    ),
});

/** As in RedirectConfig. */
export interface RedirectTarget {
  readonly origin: string | undefined;
  readonly path: string | undefined;
}

const URL_FORM = /^(https?:\/\/[^/?#@\s]+)([/?][^#\s]*)?$/i;
const PATH_FORM = /^\/(?!\/)[^#\s]*$/;
/** The host of the request, in the place of a whole host. */
const SAME_HOST = /^(https?:\/\/)\$\{host\}(?=[:/?]|$)/i;
const ANY_HOST = 'host.example';

function parseRedirectTarget(text: string): RedirectTarget | Fault {
  if (text === 'https') return { origin: undefined, path: undefined };
  const plain = text.replace(SAME_HOST, `$1${ANY_HOST}`);
  const variable = /\$\{?[A-Za-z_][\w.]*\}?/.exec(plain)?.[0];
  if (variable !== undefined)
    return {
      message: `'${variable}' is not filled in`,
      hint: 'https://${host} is the host of the request, and a URL without a path keeps the path of the request',
    };
  if (PATH_FORM.test(text) && isVisible(text)) return { origin: '', path: text };
  const [, origin, path] = URL_FORM.exec(plain) ?? [];
  if (origin === undefined || !URL.canParse(plain) || !isVisible(text)) {
    const isPort = /^:\d+$/.test(text);
    const hint = isPort
      ? `write https://\${host}${text}, which keeps host and path of the request`
      : 'write https, a URL such as https://www.example.com, or a path';
    return { message: 'is no URL that clients can be sent to', hint };
  }
  return {
    origin: plain === text ? origin : origin.replace(ANY_HOST, () => '${host}'),
    path: path === undefined || path === '/' ? undefined : path,
  };
}

function isVisible(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}
