// The path of a value in the YAML: ['listeners', 0, 'tls'], shown to people as `listeners[0].tls`.

export type ConfigPath = readonly (string | number)[];

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** @returns the path as text; '' stands for the whole file, and keys that would be ambiguous are quoted: `upstreams["a.b"]` */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!plainKey.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
