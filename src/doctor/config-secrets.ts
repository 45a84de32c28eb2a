// The secrets that the doctor sends because the configuration names them. A peer may repeat one, so no report shows them.

import { readAdminToken } from '../config/admin-token.ts';
import type { Config } from '../config/config.ts';
import { isSecretName } from '../config/secret-name.ts';
import { readStoreSecrets } from '../config/store-secrets.ts';
import type { TraceHeader } from '../config/trace-config.ts';
import { readTraceHeaders } from '../config/trace-headers.ts';

/** What cannot be read is sent to nobody. The checks say so. */
export function secretsIn({ admin, stores = [], trace, identities = [] }: Config): readonly string[] {
  const token = admin?.token && readAdminToken(admin.token);
  const passwords = stores.map((store) => {
    const secrets = readStoreSecrets(store);
    return 'faults' in secrets ? undefined : secrets.password;
  });
  const ofUrls = identities.flatMap((identity) =>
    'keys' in identity && identity.keys.kind === 'url' ? secretsInUrl(identity.keys.text) : [],
  );
  const found = [
    token !== undefined && 'token' in token ? token.token : undefined,
    ...passwords,
    ...(trace === undefined ? [] : headerValues(trace.headers)),
    ...ofUrls,
  ];
  return found.filter((secret) => secret !== undefined);
}

function headerValues(headers: ReadonlyMap<string, TraceHeader>): readonly string[] {
  return Array.from(headers).flatMap(([name, header]) => {
    try {
      return [...readTraceHeaders(new Map([[name, header]])).values()];
    } catch {
      return [];
    }
  });
}

/** A configuration allows no user and no password in a URL. A parameter may be a secret. */
function secretsInUrl(text: string): readonly string[] {
  const parameters = URL.parse(text)?.searchParams ?? [];
  return Array.from(parameters).flatMap(([name, value]) => (isSecretName(name.toLowerCase()) ? [value] : []));
}
