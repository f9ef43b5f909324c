#!/bin/sh
# Decides, each time the container starts, whether this node takes part in the public IPFS network. IPFS_NETWORK is
#   none    (also when it is not set) no bootstrap peers, no discovery, no routing, no listening, every address refused:
#           it dials nobody
#   public  as kubo is made: it dials the public bootstrap peers and answers strangers on port 4001
# Both the official image and ours run the scripts in /container-init.d between `ipfs init` and `ipfs daemon`, as the
# node's own user. A failure here ends the container: a node that should be closed must not start open.
set -eu

before="$IPFS_PATH/config.public" # the configuration as it was before the network was closed

case "${IPFS_NETWORK:-none}" in
none)
    if [ ! -e "$before" ]; then
        cp -p "$IPFS_PATH/config" "$before.new"
        mv "$before.new" "$before"
    fi
    # Kubo 0.37 and newer fetch lists of peers and send telemetry, over HTTPS; older ones know no such keys.
    if grep -q '"AutoConf"' "$IPFS_PATH/config"; then
        # Each use of a profile leaves a copy of the configuration behind.
        if [ "$(ipfs config AutoConf.Enabled 2>/dev/null)" != false ]; then
            ipfs config profile apply autoconf-off >/dev/null
        fi
        ipfs config Plugins.Plugins.telemetry.Config.Mode off
    fi
    ipfs bootstrap rm --all >/dev/null
    ipfs config Routing.Type none
    ipfs config --json Addresses.Swarm '[]'
    ipfs config --json Swarm.AddrFilters '["/ip4/0.0.0.0/ipcidr/0", "/ip6/::/ipcidr/0"]'
    ipfs config --json Swarm.DisableNatPortMap true
    ipfs config --json Discovery.MDNS.Enabled false
    ipfs config --json AutoTLS.Enabled false
    # What is not here cannot come: say so at once.
    ipfs config --json Gateway.NoFetch true
    echo "IPFS_NETWORK=none: this node dials nobody"
    ;;
public)
    # Changes made to the configuration while the network was closed are dropped with it.
    [ ! -e "$before" ] || mv "$before" "$IPFS_PATH/config"
    ;;
*)
    echo "IPFS_NETWORK is '$IPFS_NETWORK': it must be public or none" >&2
    exit 2
    ;;
esac
