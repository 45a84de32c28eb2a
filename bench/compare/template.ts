// Fills in the configurations in bench/peers. `{{name}}` becomes a value; a line that begins with `{{log}}` stays only if access
// logs are on, and one that begins with `{{noLog}}` only if they are off.

export type TemplateValues = Readonly<Record<string, string | number>>;

/** Throws if the template uses a name without a value. */
export function fillIn(template: string, values: TemplateValues, accessLog: boolean): string {
  const [kept, dropped] = accessLog ? ['{{log}}', '{{noLog}}'] : ['{{noLog}}', '{{log}}'];
  return template
    .split('\n')
    .filter((line) => !line.startsWith(dropped))
    .map((line) => (line.startsWith(kept) ? line.slice(kept.length) : line))
    .join('\n')
    .replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`a template asks for {{${name}}}, which nobody provides`);
      return String(value);
    });
}
