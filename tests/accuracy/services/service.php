<?php
// service.php - the service in PHP: file_get_contents for each call, one after the other; FORWARDING=1 passes the traceparent on.
[, , $rid, $fan] = explode("/", $_SERVER["REQUEST_URI"]);
$fields = "Connection: close\r\n";
if (getenv("FORWARDING") && isset($_SERVER["HTTP_TRACEPARENT"])) {
    $fields .= "traceparent: {$_SERVER["HTTP_TRACEPARENT"]}\r\n";
}
$context = stream_context_create(["http" => ["timeout" => 1, "header" => $fields, "protocol_version" => 1.1]]);
$body = "";
$good = true;
for ($number = 0; $number < (int)$fan; $number++) {
    $text = @file_get_contents("http://127.0.0.1:" . getenv("LEAF") . "/leaf/$rid/$number", false, $context);
    $good = $good && $text !== false;
    $body .= $text;
}
http_response_code($good ? 200 : 502);
header("Content-Type: text/plain");
header("Content-Length: " . strlen($body));
echo $body;
