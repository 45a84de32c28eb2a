// What becomes of calls as endpoints get unhealthy: the panic threshold, and priorities with what flows over to the next.

import { compareNumbers, compareTexts, type Row, SHARE } from '../comparison.ts';
import { type Answer, ofBoth } from '../proxy.ts';
import { Service } from '../service.ts';

const CALLS = 400;
const PRIORITY_CALLS = 2000;
const SPREAD_BY_HEALTH =
  'shares stay in proportion to what is healthy; Envoy goes by the number of endpoints';

/** Makes the first of them unhealthy. */
function setUnhealthy(services: readonly Service[], count: number): void {
  for (const [index, service] of services.entries()) service.isHealthy = index >= count;
}

function closeAll(services: readonly Service[]): void {
  for (const service of services) service.close();
}

/** Which kinds of endpoints have answered. */
function whoAnswered(answers: readonly Answer[], services: readonly Service[]): string {
  const names = new Set(answers.map(({ server }) => server));
  const [healthy, unhealthy] = [true, false].map((isHealthy) => {
    const kind = services.filter((service) => service.isHealthy === isHealthy);
    return `${kind.filter(({ name }) => names.has(name)).length} of ${kind.length}`;
  });
  const failed = answers.filter(({ status }) => status !== '0').length;
  return `healthy ${healthy}, unhealthy ${unhealthy}${failed === 0 ? '' : `, ${failed} calls failed`}`;
}

export async function panic(): Promise<readonly Row[]> {
  const services = await Service.startMany(10);
  const endpoints = services.map(({ port }) => ({ port }));
  const setUp = { upstreams: [{ name: 'voice', endpoints, isHealthChecked: true }] };
  const rows: Row[] = [];
  try {
    for (const unhealthy of [0, 2, 4, 5, 6, 8, 10]) {
      setUnhealthy(services, unhealthy);
      const found = await ofBoth(setUp, async (proxy) => {
        await proxy.seesUnhealthy(unhealthy);
        return whoAnswered(await proxy.calls(CALLS, 'voice'), services);
      });
      rows.push(
        compareTexts({ scenario: 'panic', case: `${unhealthy} of 10 unhealthy: who gets calls` }, found),
      );
    }
    return rows;
  } finally {
    closeAll(services);
  }
}

export async function priorities(): Promise<readonly Row[]> {
  const services = await Service.startMany(10);
  const [first, second] = [services.slice(0, 5), services.slice(5)];
  const endpoints = services.map(({ port }, index) => ({ port, priority: index < 5 ? 0 : 1 }));
  const setUp = { upstreams: [{ name: 'voice', endpoints, isHealthChecked: true }] };
  const rows: Row[] = [];
  try {
    for (const [ofFirst, ofSecond] of [
      [5, 5],
      [4, 5],
      [3, 5],
      [2, 5],
      [1, 5],
      [0, 5],
      [2, 1],
      [0, 2],
      [0, 0],
    ]) {
      setUnhealthy(first, 5 - ofFirst);
      setUnhealthy(second, 5 - ofSecond);
      const found = await ofBoth(setUp, async (proxy) => {
        await proxy.seesUnhealthy(10 - ofFirst - ofSecond);
        const answers = await proxy.calls(PRIORITY_CALLS, 'voice');
        const toFirst = answers.filter(({ server }) => first.some(({ name }) => name === server)).length;
        return { share: toFirst / answers.length, who: whoAnswered(answers, services) };
      });
      // Both levels together could not take all calls, and panic.
      const whyTogether = ofFirst + ofSecond > 0 && ofFirst + ofSecond <= 3 ? { why: SPREAD_BY_HEALTH } : {};
      const healthy = `healthy: ${ofFirst} of 5 first, ${ofSecond} of 5 second`;
      const about = { scenario: 'priorities', case: `${healthy}: share of the first`, ...whyTogether };
      const shares = { framegate: found.framegate.share, envoy: found.envoy.share };
      rows.push(compareNumbers(about, shares, SHARE));
      if (ofFirst + ofSecond <= 3)
        rows.push(
          compareTexts(
            {
              scenario: 'priorities',
              case: `${healthy}: who gets calls`,
              ...(ofFirst === 0 ? whyTogether : {}),
            },
            { framegate: found.framegate.who, envoy: found.envoy.who },
          ),
        );
    }
    return rows;
  } finally {
    closeAll(services);
  }
}
