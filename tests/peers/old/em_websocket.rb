# em-websocket as an echo server that prints its port. Usage: em_websocket.rb
require 'em-websocket'

$stdout.sync = true
EventMachine.run do
  server = EventMachine::WebSocket.start(host: '127.0.0.1', port: 0) do |connection|
    connection.onmessage { |text| connection.send(text) }
    connection.onclose { puts 'closed' }
    connection.onerror { |error| puts error.message }
  end
  port, = Socket.unpack_sockaddr_in(EventMachine.get_sockname(server))
  puts %({"port": #{port}})
end
