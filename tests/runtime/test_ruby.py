"""test_ruby.py - what runtime/ruby/spanload.rb promises, of applications under puma, unicorn and webrick."""
import shutil

import pytest

from chain import OWN, Chain
from support.launch import ROOT, Running, bare_environment, run
from support.ports import free_port

HELPER = ROOT / "runtime" / "ruby" / "spanload.rb"
RUBY = shutil.which("ruby", path="/usr/local/bin:/usr/bin")
pytestmark = pytest.mark.skipif(RUBY is None, reason="there is no ruby")

WAYS = '''
require "net/http"

ORIGIN = ENV["ORIGIN"]
OWN = ENV["OWN"]
Thread.new do
  loop do
    sleep 0.04
    begin
      Net::HTTP.get(URI(ORIGIN + "/outside"))
    rescue SystemCallError
    end
  end
end

def got(url, headers = {})
  Net::HTTP.get_response(URI(url), headers).body
end

def kept(url)
  uri = URI(url)
  Net::HTTP.start(uri.host, uri.port) do |http|
    http.get(uri.path).body
    sleep rand * 0.01
    http.post(uri.path, "body").body
    http.request(Net::HTTP::Put.new(uri.path), "body") { |answer| answer.read_body { |part| part } }
  end
end

def reused(url)
  request = Net::HTTP::Get.new(URI(url))
  Net::HTTP.new(request.uri.host, request.uri.port).request(request)
  raise "a request object was changed" if request["traceparent"] || request["baggage"]
end

def ask(how, url)
  sleep rand * 0.01
  case how
  when "one" then got(url)
  when "kept" then kept(url)
  when "reused" then reused(url)
  when "own" then got(url, "Traceparent" => OWN)
  when "late"
    Thread.new { sleep 0.05; got(url) }
  end
end
'''

RACK = WAYS + '''
run lambda { |environment|
  environment["rack.input"].read
  url, how = ORIGIN + environment["PATH_INFO"], environment["QUERY_STRING"]
  ask(how, url)
  whiles = Enumerator.new { |out| got(url); out << "done" } # the answer is made while it is being sent
  [200, {"content-length" => "4"}, how == "while" ? whiles : ["done"]]
}
'''

WEBRICK = WAYS + '''
require "webrick"

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: ENV["PORT"].to_i, AccessLog: [], Logger: WEBrick::Log.new(File::NULL))
server.mount_proc("/") do |request, answer|
  request.body
  ask(request.query_string, ORIGIN + request.path)
  answer.body = "done"
end
server.start
'''

SERVICES = {  # program, source, arguments, ways
    "puma": ("puma", RACK, ("--quiet", "--threads", "16", "--bind", "tcp://127.0.0.1:{port}", "service.ru"), ("one", "kept", "reused", "while", "nothing")),
    "unicorn": ("unicorn", RACK, ("--listen", "127.0.0.1:{port}", "--config-file", "workers", "--no-default-middleware", "service.ru"), ("one", "kept", "reused", "while", "nothing")),
    "webrick": ("ruby", WEBRICK, ("service.ru",), ("one", "kept", "reused", "nothing")),
}


def environment(library, **more):
    return {**bare_environment(), "RUBYOPT": f"-r{HELPER}", "OTEL_TRACES_EXPORTER": "none",
            **({"LD_PRELOAD": str(library)} if library else {}), **more}


def served(directory, library, name, ways, first="", requests=200, **more):
    program, source, arguments, _ = SERVICES[name]
    path = shutil.which(program, path="/usr/bin")
    if path is None or run([RUBY, "-e", f"require '{name if program == 'ruby' else 'rack'}'"], bare_environment()).status != 0:
        pytest.skip(f"{name} is not there")
    options = {name: more.pop(name) for name in ("compare",) if name in more}
    chain = Chain(free_port(), free_port())
    (directory / "service.ru").write_text(first + source)
    (directory / "workers").write_text("worker_processes 6\n")
    env = environment(library, PORT=str(chain.port), ORIGIN=f"http://127.0.0.1:{chain.origin_port}", OWN=OWN, **more)
    argv = [path, *(word.format(port=chain.port) for word in arguments)]
    with Running.start(argv, env, port=chain.port, cwd=directory) as service:
        count = chain.run(ways, requests, **options)
        assert not service.ended, bytes(service.stderr).decode()
    return count


@pytest.mark.parametrize("name", SERVICES)
def test_each_request_carries_the_context_of_the_request_that_it_is_made_for(empty_library, tmp_path, name):
    assert served(tmp_path, empty_library, name, SERVICES[name][3]) > 150


@pytest.mark.parametrize("name", SERVICES)
def test_a_header_that_the_application_set_stays(empty_library, tmp_path, name):
    assert served(tmp_path, empty_library, name, ("own", "one")) > 150


@pytest.mark.parametrize("name", SERVICES)
def test_a_thread_of_its_own_carries_nothing(empty_library, tmp_path, name):
    assert served(tmp_path, empty_library, name, ("late", "one"), requests=100) > 80


def same_trace(how, is_, should_be):
    """The library may name its own span in the place of the one that came in."""
    return not should_be or [one.split("-")[1] for one in is_.get("traceparent", ())] == [should_be["traceparent"][0].split("-")[1]]


@pytest.mark.parametrize("name", SERVICES)
def test_beside_the_real_library_the_trace_is_the_same(real_library, tmp_path, name):
    assert served(tmp_path, real_library, name, SERVICES[name][3], compare=same_trace,
                  OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") > 150


def carries_nothing(how, is_, should_be):
    return is_ == {}


SDK = '''
module OpenTelemetry
  module SDK; module Trace; class TracerProvider; end; end; end
  def self.tracer_provider
    @provider ||= SDK::Trace::TracerProvider.new
  end
end
'''


@pytest.mark.parametrize("with_library,first,more", [
    (False, "", {}),
    (True, "", {"OTEL_SDK_DISABLED": "TRUE"}),
    (True, "", {"OTEL_PROPAGATORS": "none"}),
    (True, "", {"OTEL_PROPAGATORS": "b3,baggage"}),
    (True, SDK, {}),
], ids=["no library", "disabled", "no propagators", "other propagators", "an SDK"])
def test_it_does_nothing_where_it_has_nothing_to_do(empty_library, tmp_path, with_library, first, more):
    assert served(tmp_path, empty_library if with_library else None, "puma", ("one",), first=first, requests=100,
                  compare=carries_nothing, **more) > 80


LOOKS = '''
p $LOADED_FEATURES.grep_v(/spanload.rb/), $LOAD_PATH, $PROGRAM_NAME, ARGV, __method__.inspect
require "net/http"
p Net::HTTP.ancestors, Net::HTTP.instance_method(:request).parameters, Net::HTTP.public_instance_methods(false).sort
class Net::HTTP
end
begin
  Net::HTTP.get(URI("http://127.0.0.1:1/"))
rescue SystemCallError => error
  p error.class
end
module Profiler # as profilers do
  Net::HTTP.class_eval do
    alias_method :request_unwatched, :request
    def request(*arguments, &block)
      request_unwatched(*arguments, &block)
    end
  end
  class Net::HTTP
  end
end
module Other
  def request(*arguments, &block)
    super
  end
  Net::HTTP.prepend(self)
end
begin
  Net::HTTP.get(URI("http://127.0.0.1:1/"))
rescue SystemCallError => error
  p error.class
end
'''


@pytest.mark.parametrize("options", [(), ("-w",), ("--disable=gems",)])
def test_a_program_sees_no_difference(empty_library, options):
    preloaded = environment(empty_library)
    with_, without = (run([RUBY, *options, "-e", LOOKS], env) for env in (preloaded, {**preloaded, "RUBYOPT": ""}))
    assert (with_.status, with_.stdout, with_.stderr) == (without.status, without.stdout, without.stderr)
    assert with_.stdout.count(b"ECONNREFUSED") == 2


def test_other_options_for_ruby_stay_in_force(empty_library, tmp_path):
    (tmp_path / "other.rb").write_text("puts 'other'")
    done = run([RUBY, "-e", "puts 'program'"], environment(empty_library, RUBYOPT=f"-r{HELPER} -r{tmp_path}/other.rb"))
    assert (done.status, done.stdout) == (0, b"other\nprogram\n")
