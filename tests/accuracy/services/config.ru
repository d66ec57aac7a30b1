# config.ru - the service as a Rack application that asks the leaf by Net::HTTP, each thread over a connection that it keeps.
require "net/http"

LEAF = ENV.fetch("LEAF").to_i

def connection
  http = Net::HTTP.new("127.0.0.1", LEAF)
  http.read_timeout = 1
  http.start
end

def ask(path, how)
  http = how == "kept" ? Thread.current[:leaf] ||= connection : connection
  answer = http.get(path)
  [answer.code.to_i, answer.body]
rescue SystemCallError, IOError, Timeout::Error
  Thread.current[:leaf] = nil
  [0, ""]
ensure
  http.finish if how != "kept" && http&.started?
end

run lambda { |environment|
  _, _, rid, fan, how = environment["PATH_INFO"].split("/")
  sleep rand * 0.005
  answers = fan.to_i.times.map { |number| ask("/leaf/#{rid}/#{number}", how) }
  good = answers.all? { |status, _| status == 200 }
  body = answers.map(&:last).join
  [good ? 200 : 502, {"content-type" => "text/plain", "content-length" => body.bytesize.to_s}, [body]]
}
