import { StreampoolError } from '@streampool/errors';
import { type RewriteOptions, rewriteUri } from './rewrite-playlist.ts';

/** More is no pause between two scenes, and each address costs something to make. */
const MOST_ASSETS = 500;

/**
 * Rewrites the addresses of the playlists in a list of assets, which EXT-X-DATERANGE's X-ASSET-LIST leads to (rfc8216bis
 * appendix D.2): `{"ASSETS":[{"URI":…,"DURATION":…},…]}`. `baseUrl`: where the list came from, after redirects. All other members
 * stay.
 *
 * @throws StreampoolError UPSTREAM_NOT_MEDIA if this is no such list, or it refers to anything but http and https.
 */
export function rewriteAssetList(
  text: string,
  options: Pick<RewriteOptions, 'baseUrl' | 'rewriteUri'>,
): string {
  const list = parsed(text);
  if (!isObject(list) || !Array.isArray(list.ASSETS)) throw noList('the answer is no list of assets');
  if (list.ASSETS.length > MOST_ASSETS)
    throw noList(`the provider’s list has more than ${MOST_ASSETS} assets`);
  const ASSETS = list.ASSETS.map((asset: unknown) => {
    if (!isObject(asset) || typeof asset.URI !== 'string') throw noList('an asset of the list has no URI');
    return { ...asset, URI: rewriteUri(asset.URI.trim(), 'asset', options) ?? '' };
  });
  return JSON.stringify({ ...list, ASSETS });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw noList('the answer is no JSON');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function noList(detail: string): StreampoolError {
  return new StreampoolError('UPSTREAM_NOT_MEDIA', detail);
}
