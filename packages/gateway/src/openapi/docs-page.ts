type Json = Record<string, unknown>;

/** Nothing but the page itself: no scripts, nothing from elsewhere, so it also works without a way out to the internet. */
export const DOCS_SECURITY_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #3d444d); --soft: light-dark(#f6f8fa, #151b23); --accent: light-dark(#0550ae, #79c0ff) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 13px/1.5 ui-monospace, monospace }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0 }
summary { padding: .5rem .8rem; cursor: pointer; background: var(--soft); border-radius: 6px }
summary b { display: inline-block; min-width: 4.2rem; color: var(--accent); font-family: ui-monospace, monospace }
summary span { float: right }
details > div { padding: .2rem .8rem .8rem }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid var(--line) }
`;

function escapeHtml(text: unknown): string {
  return String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** An OpenAPI document as a page for people. Plain HTML, made once. */
export function docsPage(document: Json): string {
  const info = document.info as Json;
  const { schemas } = document.components as { schemas: Record<string, Json> };
  const html = new OperationHtml(schemas);
  const tags = (document.tags as Json[]).map(({ name }) => String(name));
  const operations = Object.entries(document.paths as Record<string, Json>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as Json })),
  );
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => (operation.tags as string[]).includes(tag));
    return `<h2>${escapeHtml(tag)}</h2>${own.map((each) => html.operation(each)).join('')}`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(info.title)} API</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(info.title)} API <small>${escapeHtml(info.version)}</small></h1>
<p>${escapeHtml(info.description)} For programs: <a href="openapi.json">openapi.json</a> (OpenAPI ${escapeHtml(document.openapi)}).</p>
<p>Operations marked “token” need the server’s API token, if it has one: the header <code>X-API-Token</code>,
<code>Authorization: Bearer …</code>, or the query parameter <code>api_token</code>.</p>
${sections.join('\n')}
</body></html>
`;
}

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operation: Json;
}

/** `named`: the schemas that others refer to. */
class OperationHtml {
  readonly #named: Record<string, Json>;

  constructor(named: Record<string, Json>) {
    this.#named = named;
  }

  operation({ path, method, operation }: Operation): string {
    const needsToken = operation['x-token-scope'] !== undefined;
    const body = operation.requestBody as { content: Record<string, { schema: Json }> } | undefined;
    const responses = Object.entries(operation.responses as Record<string, Json>);
    return `<details><summary><b>${escapeHtml(method.toUpperCase())}</b> <code>${escapeHtml(path)}</code>
<span>${escapeHtml(operation.summary)}${needsToken ? ' · token' : ''}</span></summary><div>
${operation.description ? `<p>${escapeHtml(operation.description)}</p>` : ''}
${this.#parameters(operation.parameters as Json[])}
${body ? `<h4>Body</h4>${this.#fields(body.content['application/json']?.schema ?? {})}` : ''}
${responses.map((response) => this.#response(response)).join('')}
</div></details>`;
  }

  #parameters(parameters: Json[]): string {
    if (parameters.length === 0) return '';
    const rows = parameters.map((parameter) =>
      this.#row(
        `${parameter.name}`,
        parameter.schema as Json,
        parameter.required === true,
        parameter.description,
      ),
    );
    return `<h4>Parameters</h4><table>${rows.join('')}</table>`;
  }

  #response([status, response]: [string, Json]): string {
    const content = response.content as Record<string, { schema?: Json }> | undefined;
    const [type, media] = Object.entries(content ?? {})[0] ?? [];
    const isError = Number(status) >= 400;
    return `<h4>${escapeHtml(status)} <small>${escapeHtml(response.description)}${type && !isError ? ` · ${escapeHtml(type)}` : ''}</small></h4>
${media?.schema && !isError ? this.#fields(media.schema) : ''}`;
  }

  #fields(reference: Json): string {
    const schema = this.#resolve(reference);
    const fields = Object.entries((schema.properties ?? {}) as Record<string, Json>);
    if (fields.length === 0) return '';
    const required = (schema.required ?? []) as string[];
    const rows = fields.map(([name, field]) =>
      this.#row(name, field, required.includes(name), field.description),
    );
    return `<table>${rows.join('')}</table>`;
  }

  #row(name: string, schema: Json, required: boolean, description: unknown): string {
    return `<tr><td><code>${escapeHtml(name)}</code>${required ? '' : ' <small>optional</small>'}</td>
<td>${escapeHtml(this.#typeName(schema))}</td><td>${escapeHtml(description ?? '')}</td></tr>`;
  }

  #typeName(schema: Json): string {
    if (typeof schema.$ref === 'string') return nameOf(schema.$ref);
    if (schema.enum) return (schema.enum as unknown[]).join(' | ');
    if (schema.const !== undefined) return String(schema.const);
    const choices = (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
    if (choices) return [...new Set(choices.map((choice) => this.#typeName(choice)))].join(' | ');
    if (schema.type === 'array') return `list of ${this.#typeName((schema.items ?? {}) as Json)}`;
    if (Array.isArray(schema.type)) return schema.type.join(' | ');
    return String(schema.format ?? schema.type ?? 'any');
  }

  #resolve(schema: Json): Json {
    return typeof schema.$ref === 'string' ? (this.#named[nameOf(schema.$ref)] ?? {}) : schema;
  }
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}
