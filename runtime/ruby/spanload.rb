# spanload.rb - lets a Ruby program say which of its outgoing requests belongs to which incoming one.
#
# libspanload.so sees the bytes of both; between them a server may change threads. The library writes into the head of each
# incoming request a `traceparent` that names it; this file remembers it in the fiber that answers the request, and puts it
# on requests of Net::HTTP that are made there and have none. The library reads it there. Nothing else.
#
#     RUBYOPT=-r/opt/spanload/runtime/ruby/spanload.rb
#
# Nothing is loaded for it: a TracePoint waits until a program that uses one of the classes below has defined it. Methods
# are put in the place of others by alias, not by a module that is prepended: who does the same after us, as profilers do,
# would otherwise call us forever. A failure in here is nobody's failure.

module Spanload
  LIBRARY = "libspanload.so".freeze
  CURRENT = :spanload_incoming # fiber-local: the Rack environment of the request, or nil
  WATCHED = {
    "Net::HTTP" => [:request, :change_net_http],
    "Puma::Server" => [:handle_request, :change_puma],
    "Unicorn::HttpServer" => [:process_client, :change_unicorn],
    "WEBrick::HTTPServer" => [:service, :change_webrick],
  }.freeze

  # What OTEL_PROPAGATORS asks for; nothing without traceparent.
  def self.carried_headers
    listed = ENV.fetch("OTEL_PROPAGATORS", "")
    listed = "tracecontext,baggage" if listed.empty?
    listed = listed.split(",").map(&:strip)
    return [] if ENV["OTEL_SDK_DISABLED"].to_s.casecmp?("true") || !listed.include?("tracecontext")
    listed.include?("baggage") ? %w[traceparent tracestate baggage] : %w[traceparent tracestate]
  end

  CARRIED = carried_headers.map { |name| [name.freeze, "HTTP_#{name.upcase}".freeze].freeze }.freeze

  def self.library_is_loaded?
    ENV["LD_PRELOAD"].to_s.include?(LIBRARY) || File.read("/etc/ld.so.preload").include?(LIBRARY)
  rescue SystemCallError
    false
  end

  # An SDK carries by itself. The API alone, or an SDK that was not configured, does not.
  def self.sdk_active?
    defined?(::OpenTelemetry::SDK::Trace::TracerProvider) &&
      ::OpenTelemetry.tracer_provider.is_a?(::OpenTelemetry::SDK::Trace::TracerProvider)
  end

  # ---- the incoming request ----

  # What runs in this fiber from here on answers the request with this Rack environment. It is looked at only when a
  # request is made: most are answered without.
  def self.enter(environment)
    Thread.current[CURRENT] = environment
  end

  def self.leave
    Thread.current[CURRENT] = nil
  end

  # Puts on the request what it has not; returns the names of what was put.
  def self.carry(request)
    added = []
    environment = Thread.current[CURRENT]
    return added if environment.nil? || environment["HTTP_TRACEPARENT"].nil? || request["traceparent"] || sdk_active?
    CARRIED.each do |name, key|
      value = environment[key]
      next if value.nil? || request[name]
      request[name] = value
      added << name
    end
    added
  rescue StandardError
    added
  end

  # ---- the classes of others ----

  # The request object is the application's, which may send it twice. On https the library sees nothing.
  def self.change_net_http
    ::Net::HTTP.class_eval do
      alias_method :spanload_request, :request
      private :spanload_request

      def request(req, body = nil, &block)
        added = use_ssl? ? [] : Spanload.carry(req)
        spanload_request(req, body, &block)
      ensure
        added&.each { |name| req.delete(name) }
      end
    end
  end

  def self.change_puma
    ::Puma::Server.class_eval do
      alias_method :spanload_handle_request, :handle_request
      private :spanload_handle_request

      def handle_request(client, *rest)
        Spanload.enter(client.env)
        spanload_handle_request(client, *rest)
      ensure
        Spanload.leave
      end
    end
  end

  # The head is read within process_client: the application is the first that has it.
  def self.change_unicorn
    ::Unicorn::HttpServer.class_eval do
      alias_method :spanload_build_app!, :build_app!
      alias_method :spanload_process_client, :process_client
      private :spanload_build_app!, :spanload_process_client

      def build_app!
        spanload_build_app!
        application = app
        self.app = lambda do |environment|
          Spanload.enter(environment)
          application.call(environment)
        end
      end

      def process_client(*arguments)
        spanload_process_client(*arguments)
      ensure
        Spanload.leave
      end
    end
  end

  def self.change_webrick
    ::WEBrick::HTTPServer.class_eval do
      alias_method :spanload_service, :service
      private :spanload_service

      def service(req, res)
        Spanload.enter(Hash[CARRIED.map { |name, key| [key, req[name]] }])
        spanload_service(req, res)
      ensure
        Spanload.leave
      end
    end
  end

  # ---- the start ----

  # At the end of a class's body; a class that is opened again has been changed before.
  def self.class_ended(defined, waited)
    method, change = waited[NAME.bind(defined).call]
    return if method.nil? || !(defined.method_defined?(method) || defined.private_method_defined?(method))
    waited.delete(NAME.bind(defined).call)
    public_send(change)
  rescue StandardError
    nil # another version than we know: it stays as it is
  end

  NAME = Module.instance_method(:name) # classes may have a `name` of their own

  def self.start
    waited = WATCHED.dup
    class_ended(::Net::HTTP, waited) if defined?(::Net::HTTP)
    trace = TracePoint.new(:end) do |point|
      class_ended(point.self, waited)
      trace.disable if waited.empty?
    end
    trace.enable
  end

  start if !CARRIED.empty? && library_is_loaded?
rescue StandardError
  nil # the program runs without us
end
