package org.elasticsearch.plugins;

import java.util.List;
import org.elasticsearch.Build;
import org.elasticsearch.action.admin.cluster.node.info.PluginsAndModules;
import org.elasticsearch.env.Environment;
import org.elasticsearch.transport.netty4.Netty4Plugin;

/** The one plugin that a node cannot do without, taken from the class path. Stands here for package access. */
public final class NettyAlone extends PluginsService {
    private final List<LoadedPlugin> loaded;

    public NettyAlone(Environment environment, PluginsLoader noModules) {
        super(environment.settings(), environment.configDir(), noModules);
        Class<? extends Plugin> netty = Netty4Plugin.class;
        PluginDescriptor descriptor = new PluginDescriptor(
            "netty", "network layer", "1", Build.current().version(), "21", netty.getName(), null,
            List.of(), false, false, false, false, PluginDescriptor.DeploymentTarget.values()[0]
        );
        Plugin plugin = loadPlugin(netty, environment.settings(), environment.configDir());
        loaded = List.of(new LoadedPlugin(descriptor, plugin, netty.getClassLoader()));
        loadExtensions(loaded);
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        return loaded == null ? List.of() : loaded;
    }

    @Override
    public PluginsAndModules info() {
        return new PluginsAndModules(List.of(new PluginRuntimeInfo(loaded.get(0).descriptor())), List.of());
    }
}
