// Where in the YAML something stands: ['listeners', 0, 'tls'], written for people as `listeners[0].tls`.

export type ConfigPath = readonly (string | number)[];

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** '' is the whole file. Keys that would be ambiguous are quoted: `upstreams["a.b"]`. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!plainKey.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
