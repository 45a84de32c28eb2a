// A path of which the method stays in view where there is no room for all of it: many paths begin alike, and differ at the end.

export function MethodName({ path }: { readonly path: string }) {
  const at = path.lastIndexOf('/');
  if (at <= 0) return <span class="cut">{path}</span>;
  return (
    <span class="method-name">
      <span class="method-start">{path.slice(0, at)}</span>
      <span class="method-end">{path.slice(at)}</span>
    </span>
  );
}
