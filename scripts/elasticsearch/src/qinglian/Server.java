package qinglian;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.PlainNode;

/** One Elasticsearch node for tests on a loopback port: Server PORT FOLDER. Ends on SIGTERM. */
public final class Server {
    private Server() {}

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[1]).toAbsolutePath();
        for (String name : new String[] {"config", "modules", "plugins"}) {
            Files.createDirectories(home.resolve(name));
        }
        Settings settings = Settings.builder()
            .put("path.home", home)
            .put("cluster.name", "qinglian-test")
            .put("node.name", "one")
            .put("network.host", "127.0.0.1")
            .put("http.port", arguments[0])
            .put("transport.port", "0")
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            .put("discovery.type", "single-node")
            .put("node.processors", 2)
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        LogConfigurator.configureESLogging();
        LogConfigurator.configureWithoutConfig(settings);
        PlainNode node = new PlainNode(new Environment(settings, home.resolve("config")));
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try (node) {
                ended.countDown();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }));
        node.start();
        ended.await();
    }
}
