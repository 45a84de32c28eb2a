// Warns of networks that are wider than they look: 10.0.0.1/8 names one host and means 16 million. The check reads the unvalidated document.

import { networkAddress } from './client-network.ts';
import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf } from './raw-value.ts';

export function findWideNetworks(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const ofListeners = listOf(root.get('listeners')).flatMap((each, index) => {
    const listener = mapOf(each);
    const trusted = mapOf(listener.get('proxyProtocol')).get('trusted');
    return [
      ...inList(listener.get('trustedClients'), ['listeners', index, 'trustedClients']),
      ...inList(trusted, ['listeners', index, 'proxyProtocol', 'trusted']),
    ];
  });
  const ofRoutes = listOf(root.get('routes')).flatMap((each, index) => {
    const access = mapOf(mapOf(each).get('access'));
    return ['allow', 'deny'].flatMap((key) =>
      listOf(access.get(key)).flatMap((rule, number) =>
        inList(mapOf(rule).get('client'), ['routes', index, 'access', key, number, 'client']),
      ),
    );
  });
  return [...ofListeners, ...ofRoutes];
}

/** @param value a network, or a list of them */
function inList(value: unknown, path: ConfigPath): readonly Finding[] {
  if (typeof value === 'string') return wide(value, path);
  return listOf(value).flatMap((one, index) => (typeof one === 'string' ? wide(one, [...path, index]) : []));
}

function wide(network: string, path: ConfigPath): readonly Finding[] {
  const [address, bits] = network.split('/', 2);
  const meant = networkAddress(network);
  if (meant === undefined || meant.isSame) return [];
  return [
    {
      severity: 'warning',
      path,
      at: 'value',
      message: `${network} is not one host: it means all of ${meant.text}/${bits}`,
      hint: `write ${meant.text}/${bits}, or ${address} alone for this host`,
    },
  ];
}
