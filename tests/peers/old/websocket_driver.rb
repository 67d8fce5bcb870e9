# websocket-driver for Ruby as an echo server that prints its port. Usage: websocket_driver.rb
require 'socket'
require 'websocket/driver'

# What the driver writes to.
Output = Struct.new(:socket) do
  def write(bytes)
    socket.write(bytes)
  end
end

$stdout.sync = true
server = TCPServer.new('127.0.0.1', 0)
puts %({"port": #{server.addr[1]}})
socket = server.accept
driver = WebSocket::Driver.server(Output.new(socket))
driver.on(:connect) { driver.start }
driver.on(:message) { |event| driver.text(event.data) }
driver.on(:close) { socket.close_write }
begin
  loop { driver.parse(socket.readpartial(65_536)) }
rescue EOFError
  puts 'closed'
end
