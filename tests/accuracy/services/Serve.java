/* Serve.java - PORT LEAF plain|forwarding|blocking: the service in Java, a pool of 32 threads behind the JDK's server.
 *
 * plain: the JDK's HttpClient asks, from threads of its own, all calls at once. forwarding: the traceparent of the request is passed on.
 * blocking: HttpURLConnection asks, from the thread of the request, one call after the other.
 */
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;

class Serve {
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static String leaf, style;

    static CompletableFuture<String> ask(String path, String traceparent) {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + leaf + path)).timeout(Duration.ofSeconds(1));
        if (style.equals("forwarding") && traceparent != null) request.header("traceparent", traceparent);
        return CLIENT.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString())
            .thenApply(answer -> answer.statusCode() == 200 ? answer.body() : "bad")
            .exceptionally(failure -> "bad");
    }

    static String askAndWait(String path) {
        try {
            var connection = (HttpURLConnection) URI.create("http://127.0.0.1:" + leaf + path).toURL().openConnection();
            connection.setReadTimeout(1000);
            return new String(connection.getInputStream().readAllBytes());
        } catch (IOException failure) {
            return "bad";
        }
    }

    static void answer(HttpExchange exchange) throws IOException {
        String[] words = exchange.getRequestURI().getPath().split("/");
        String traceparent = exchange.getRequestHeaders().getFirst("traceparent");
        var paths = IntStream.range(0, Integer.parseInt(words[3])).mapToObj(number -> "/leaf/" + words[2] + "/" + number);
        String body = style.equals("blocking")
            ? paths.map(Serve::askAndWait).reduce("", String::concat)
            : paths.map(path -> ask(path, traceparent)).toList().stream().map(CompletableFuture::join).reduce("", String::concat);
        exchange.sendResponseHeaders(body.contains("bad") ? 502 : 200, body.length());
        exchange.getResponseBody().write(body.getBytes());
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        leaf = arguments[1];
        style = arguments[2];
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 1024);
        server.createContext("/", Serve::answer);
        server.setExecutor(Executors.newFixedThreadPool(32));
        server.start();
    }
}
