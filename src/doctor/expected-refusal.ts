// Refusals that the configuration asks for: a proxy that refuses a call without credentials, or beyond a limit, does what it should.

import type { ListenerConfig } from '../config/config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { Credentials } from './credentials.ts';
import { type Finding, failed, ok, unexamined, warning } from './finding.ts';

const GIVE = '--header NAME:VALUE, or --cert FILE and --key FILE';

export interface Refused {
  readonly route: RouteConfig;
  /** The token of the diagnosis that the proxy has made. */
  readonly token: string;
  /** The call, and what it got. */
  readonly text: string;
}

/** @returns the findings if the configuration asks for this refusal; undefined if it does not */
export function judgeRefusal(
  { route, token, text }: Refused,
  { headers, certificate }: Credentials,
): readonly Finding[] | undefined {
  const areGiven = headers.size > 0 || certificate !== undefined;
  switch (token) {
    case 'credentials_missing':
      return route.access === undefined ? undefined : asConfigured(`${text} (access of the route)`, areGiven);
    case 'access_denied':
    case 'authorization_denied': {
      const key = token === 'access_denied' ? 'access' : 'authorize';
      if (route[key] === undefined) return undefined;
      if (!areGiven) return asConfigured(`${text} (${key} of the route)`, false);
      return [
        warning(
          `the credentials that were given may not make this call: ${text} (${key} of the route)`,
          token === 'access_denied'
            ? 'the log of the proxy says which rule of access refuses them; is that meant?'
            : 'ask the authorizer why; is that meant?',
          token,
        ),
      ];
    }
    case 'credentials_invalid':
    case 'credentials_expired':
      return areGiven
        ? [
            failed(
              `the credentials that were given are not accepted: ${text}`,
              'the log of the proxy says why',
              token,
            ),
          ]
        : undefined;
    case 'call_limit':
      return route.limits === undefined
        ? undefined
        : [unexamined(`a limit of the route has nothing left for this client: ${text}`, 'try again later')];
    case 'fault_injected':
      return route.fault === undefined
        ? undefined
        : [
            unexamined(
              `fault of the route answers calls on purpose: ${text}`,
              'remove fault to examine the route',
            ),
          ];
    default:
      return undefined;
  }
}

function asConfigured(text: string, areGiven: boolean): readonly Finding[] {
  return [
    ok(
      `refuses calls ${areGiven ? 'that lack its credentials' : 'without credentials'}, as configured: ${text}`,
    ),
    unexamined('whether its calls reach the service was not seen', `give the doctor credentials: ${GIVE}`),
  ];
}

/** Whether the listener turns away the calls of the doctor, as it has no certificate to show. */
export function wantsCertificate({ tls }: ListenerConfig, { certificate }: Credentials): boolean {
  return tls?.clientAuth?.mode === 'require' && certificate === undefined;
}

/** Why a call is not made. */
export function withoutCertificate({ name }: ListenerConfig): Finding {
  return unexamined(
    `listener '${name}' refuses clients without a certificate, as configured (clientAuth)`,
    'give the doctor one: --cert FILE and --key FILE',
  );
}
