# The gem websocket as an echo server that prints its port, or as a client of poke, or of an echo
# server if ECHO is set.
# Usage: websocket.rb server | client HOST:PORT DIALECT
require 'socket'
require 'websocket'

ANSWERS = [['CONNECTED', 'Welcome'], ['POKE', 'Quit poking me!'], ['héllo ☃', 'héllo ☃']].freeze
VERSIONS = { 'hixie-75' => 75, 'hixie-76' => 76, 'hybi-7' => 7, 'hybi-8' => 8, 'rfc6455' => 13 }.freeze
MAX_LENGTH = 16 << 20

# A socket with a handshake, and the frames that follow it.
class Connection
  def initialize(socket, handshake, side)
    @socket = socket
    @handshake = handshake
    @side = side
  end

  def open
    @socket.write(@handshake.to_s) if @side == :Client
    received = String.new
    received << @socket.readpartial(1) until received.end_with?("\r\n\r\n")
    received << @socket.read(16) if @side == :Client && @handshake.version == 76
    @handshake << received
    raise "handshake: #{@handshake.error}" unless @handshake.valid?

    @socket.write(@handshake.to_s) if @side == :Server
    @incoming = WebSocket::Frame::Incoming.const_get(@side).new(version: @handshake.version)
  end

  # Returns the next frame, or nil at the end of the input.
  def receive
    loop do
      frame = @incoming.next
      raise "frame: #{@incoming.error}" if @incoming.error?
      return frame if frame

      @incoming << @socket.readpartial(65_536)
    end
  rescue EOFError
    nil
  end

  def send(type, text = '')
    outgoing = WebSocket::Frame::Outgoing.const_get(@side)
    frame = outgoing.new(version: @handshake.version, type: type, data: text)
    @socket.write(frame.to_s) if frame.support_type?
  end

  def close
    @socket.close_write
  end
end

def serve
  server = TCPServer.new('127.0.0.1', 0)
  puts %({"port": #{server.addr[1]}})
  connection = Connection.new(server.accept, WebSocket::Handshake::Server.new, :Server)
  connection.open
  while (frame = connection.receive) && frame.type == :text
    connection.send(:text, frame.to_s)
  end
  connection.send(:close)
  connection.close
  puts 'closed'
end

def converse(address, dialect)
  handshake = WebSocket::Handshake::Client.new(
    url: "ws://#{address}/", version: VERSIONS.fetch(dialect), headers: { 'Origin' => "http://#{address}" }
  )
  connection = Connection.new(TCPSocket.new(*address.split(':')), handshake, :Client)
  connection.open
  ANSWERS.each do |text, answer|
    connection.send(:text, text)
    received = connection.receive.to_s.force_encoding('UTF-8')
    expected = ENV['ECHO'] ? text : answer
    raise "received #{received.inspect} after #{text.inspect}" if received != expected
  end
  connection.send(:close)
  connection.close if dialect == 'hixie-75'
  frame = connection.receive
  raise "received #{frame.inspect} at the end" if (frame && frame.type) != (dialect == 'hixie-75' ? nil : :close)
end

$stdout.sync = true
WebSocket.max_frame_size = MAX_LENGTH
ARGV[0] == 'server' ? serve : converse(*ARGV.drop(1))
