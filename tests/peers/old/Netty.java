// netty as an echo server that prints its port, or as a client of poke, or of an echo server if
// ECHO is set.
// Usage: Netty server | client HOST:PORT DIALECT

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import java.net.InetSocketAddress;
import java.net.URI;

final class Netty {
    private static final int MAX_LEN = 16 << 20;
    private static final String[][] ANSWERS = {
        {"CONNECTED", "Welcome"}, {"POKE", "Quit poking me!"}, {"héllo ☃", "héllo ☃"}
    };

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("server")) {
            serve();
        } else {
            if (System.getenv("ECHO") != null) {
                for (String[] pair : ANSWERS) {
                    pair[1] = pair[0];
                }
            }
            converse(arguments[1], arguments[2]);
        }
    }

    private static void serve() throws Exception {
        ServerBootstrap bootstrap = new ServerBootstrap();
        bootstrap.group(new NioEventLoopGroup(1)).channel(NioServerSocketChannel.class);
        bootstrap.childHandler(new ChannelInitializer<SocketChannel>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(
                    new HttpServerCodec(), new HttpObjectAggregator(MAX_LEN), new Server());
            }
        });
        Channel channel = bootstrap.bind("127.0.0.1", 0).sync().channel();
        int port = ((InetSocketAddress) channel.localAddress()).getPort();
        System.out.println("{\"port\": " + port + "}");
        channel.closeFuture().sync();
    }

    private static final class Server extends SimpleChannelInboundHandler<Object> {
        private WebSocketServerHandshaker handshaker;

        @Override
        protected void channelRead0(ChannelHandlerContext context, Object received) {
            if (received instanceof FullHttpRequest) {
                FullHttpRequest request = (FullHttpRequest) received;
                String url = "ws://" + request.headers().get("Host") + request.uri();
                handshaker = new WebSocketServerHandshakerFactory(url, null, false, MAX_LEN)
                    .newHandshaker(request);
                handshaker.handshake(context.channel(), request);
            } else if (received instanceof TextWebSocketFrame) {
                String text = ((TextWebSocketFrame) received).text();
                context.writeAndFlush(new TextWebSocketFrame(text));
            } else if (received instanceof CloseWebSocketFrame) {
                handshaker.close(context.channel(), ((CloseWebSocketFrame) received).retain());
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            System.out.println("closed");
        }
    }

    private static void converse(String address, String dialect) throws Exception {
        WebSocketVersion version = switch (dialect) {
            case "hixie-76" -> WebSocketVersion.V00;
            case "hybi-7" -> WebSocketVersion.V07;
            case "hybi-8" -> WebSocketVersion.V08;
            default -> WebSocketVersion.V13;
        };
        URI url = new URI("ws://" + address + "/");
        Client client = new Client(WebSocketClientHandshakerFactory.newHandshaker(
            url, version, null, false, new DefaultHttpHeaders(), MAX_LEN));
        Bootstrap bootstrap = new Bootstrap();
        NioEventLoopGroup group = new NioEventLoopGroup(1);
        bootstrap.group(group).channel(NioSocketChannel.class);
        bootstrap.handler(new ChannelInitializer<SocketChannel>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(
                    new HttpClientCodec(), new HttpObjectAggregator(MAX_LEN), client);
            }
        });
        bootstrap.connect(url.getHost(), url.getPort()).sync().channel().closeFuture().sync();
        group.shutdownGracefully();
        System.out.println(client.result);
        System.exit(client.result.equals("closed") ? 0 : 1);
    }

    private static final class Client extends SimpleChannelInboundHandler<Object> {
        private final WebSocketClientHandshaker handshaker;
        private int answers;
        private String result = "the server closed the connection";

        private Client(WebSocketClientHandshaker handshaker) {
            this.handshaker = handshaker;
        }

        @Override
        public void channelActive(ChannelHandlerContext context) {
            handshaker.handshake(context.channel());
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, Object received) {
            if (received instanceof FullHttpResponse) {
                handshaker.finishHandshake(context.channel(), (FullHttpResponse) received);
                sendNext(context);
            } else if (received instanceof TextWebSocketFrame) {
                String text = ((TextWebSocketFrame) received).text();
                if (!text.equals(ANSWERS[answers++][1])) {
                    fail(context, "received " + text);
                } else {
                    sendNext(context);
                }
            } else if (received instanceof CloseWebSocketFrame) {
                result = answers == ANSWERS.length ? "closed" : "closed by the server";
                context.close();
            }
        }

        private void sendNext(ChannelHandlerContext context) {
            if (answers < ANSWERS.length) {
                context.writeAndFlush(new TextWebSocketFrame(ANSWERS[answers][0]));
            } else {
                handshaker.close(context.channel(), new CloseWebSocketFrame());
            }
        }

        private void fail(ChannelHandlerContext context, String what) {
            result = what;
            context.close();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
            fail(context, error.toString());
        }
    }
}
