export {
  NETWORK_PLAYLIST,
  NETWORK_STATUS,
  Network,
  type NetworkOptions,
  type NetworkSpec,
} from './network.ts';
export { NETWORK_LABEL, NetworkKeeper, type NetworkKeeperOptions } from './network-keeper.ts';
export type * from './network-status.ts';
