package org.elasticsearch.node;

import java.util.Map;
import java.util.Set;
import org.elasticsearch.env.Environment;
import org.elasticsearch.plugins.NettyAlone;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.plugins.PluginsService;

/** A node without a folder of modules: its network layer lies on the class path. Stands here for package access. */
public final class PlainNode extends Node {
    public PlainNode(Environment environment) {
        super(NodeConstruction.prepareConstruction(environment, noModules(), new FromClassPath(), true));
    }

    private static PluginsLoader noModules() {
        return PluginsLoader.createPluginsLoader(Set.of(), Set.of(), Map.of(), false);
    }

    private static final class FromClassPath extends NodeServiceProvider {
        @Override
        PluginsService newPluginService(Environment environment, PluginsLoader unused) {
            return new NettyAlone(environment, noModules());
        }
    }
}
