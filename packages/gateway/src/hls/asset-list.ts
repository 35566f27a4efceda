import { withQuery } from './carried-query.ts';

/**
 * A list of assets for one viewer: each URI with the query that it needs (`carried`), and absolute, since players like hls.js and
 * ExoPlayer resolve them against the page or not at all. `place`: the list's own URL; undefined where that is not known.
 */
export function assetListWith(list: Buffer, carried: string, place: string | undefined): Buffer {
  const { ASSETS, ...more } = JSON.parse(list.toString()) as { ASSETS: { readonly URI: string }[] };
  const led = ASSETS.map((asset) => {
    const uri = carried === '' ? asset.URI : withQuery(asset.URI, carried);
    return { ...asset, URI: uri === '' || place === undefined ? uri : new URL(uri, place).href };
  });
  return Buffer.from(JSON.stringify({ ...more, ASSETS: led }));
}
