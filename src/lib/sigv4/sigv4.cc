#include "lib/sigv4/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>
#include <format>
#include <map>

#include "base/check.h"

namespace godwit::sigv4 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::chrono::minutes kSkew{15};  // AWS: "within 15 minutes of the time stamp".

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += std::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string sha256(std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), out, &size, EVP_sha256(), nullptr) == 1);
  return hex({reinterpret_cast<const char*>(out), size});
}

std::string hmac(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size));
  return {reinterpret_cast<const char*>(out), size};
}

// Decoded where it is a good escape, then encoded the one way that the specification knows.
std::string canonical(std::string_view text, std::string_view also_kept) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '%' && i + 2 < text.size()) {
      unsigned decoded = 0;
      const char* first = text.data() + i + 1;
      if (const auto r = std::from_chars(first, first + 2, decoded, 16);
          r.ec == std::errc{} && r.ptr == first + 2) {
        c = static_cast<unsigned char>(decoded);
        i += 2;
      }
    }
    const bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_' || c == '.' || c == '~' ||
                      also_kept.contains(static_cast<char>(c));
    out += kept ? std::string(1, static_cast<char>(c)) : std::format("%{:02X}", c);
  }
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (field.empty()) continue;
    const auto equals = std::min(field.find('='), field.size());
    const auto value = field.substr(std::min(equals + 1, field.size()));
    fields.emplace_back(canonical(field.substr(0, equals), ""), canonical(value, ""));
  }
  std::ranges::sort(fields);
  std::string out;
  for (const auto& [name, value] : fields)
    out += std::format("{}{}={}", out.empty() ? "" : "&", name, value);
  return out;
}

// Ends trimmed, inner runs of spaces made one; several values of a name joined by commas.
std::map<std::string, std::string> canonical_headers(const Headers& headers) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : headers) {
    std::string trimmed;
    for (const char c : value)
      if (c != ' ' || (!trimmed.empty() && trimmed.back() != ' ')) trimmed += c;
    while (trimmed.ends_with(' ')) trimmed.pop_back();
    const auto [at, is_new] = out.emplace(lower(name), trimmed);
    if (!is_new) at->second += "," + trimmed;
  }
  return out;
}

struct Scope {
  std::string date, region, service;
  std::string text() const { return std::format("{}/{}/{}/aws4_request", date, region, service); }
};

// `names` are in lower case, sorted, joined by ';'.
std::string signature(const Request& request, const std::map<std::string, std::string>& headers,
                      const std::string& names, const Scope& scope, std::string_view amz_date,
                      std::string_view secret) {
  const std::string_view target = request.target;
  const auto mark = std::min(target.find('?'), target.size());
  const std::string path = canonical(target.substr(0, mark), "/");
  std::string text = std::format("{}\n{}\n{}\n", request.method, path.empty() ? "/" : path,
                                 canonical_query(target.substr(std::min(mark + 1, target.size()))));
  std::string_view rest = names;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(';'), rest.size());
    const std::string name(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto at = headers.find(name);
    text += std::format("{}:{}\n", name, at == headers.end() ? "" : at->second);
  }
  text += std::format("\n{}\n{}", names, sha256(request.body));
  const std::string to_sign =
      std::format("{}\n{}\n{}\n{}", kAlgorithm, amz_date, scope.text(), sha256(text));
  std::string key = hmac(std::format("AWS4{}", secret), scope.date);
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")})
    key = hmac(key, part);
  return hex(hmac(key, to_sign));
}

std::string amz_date_of(Time now) {
  return std::format("{:%Y%m%dT%H%M%SZ}", std::chrono::floor<std::chrono::seconds>(now));
}

// "20150830T123600Z".
std::optional<Time> parse_amz_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  int parts[6];
  constexpr std::pair<int, int> kPlaces[] = {{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}};
  for (int i = 0; i < 6; ++i) {
    const char* first = text.data() + kPlaces[i].first;
    const char* last = first + kPlaces[i].second;
    unsigned value = 0;
    const auto r = std::from_chars(first, last, value);
    if (r.ec != std::errc{} || r.ptr != last) return std::nullopt;
    parts[i] = static_cast<int>(value);
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!day.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return std::nullopt;
  return Time(std::chrono::sys_days(day)) + std::chrono::hours(parts[3]) +
         std::chrono::minutes(parts[4]) + std::chrono::seconds(parts[5]);
}

struct Authorization {
  std::string key, names, signature;
  Scope scope;
};

// "AWS4-HMAC-SHA256 Credential=K/D/R/S/aws4_request, SignedHeaders=a;b, Signature=hex".
Result<Authorization> parse_authorization(std::string_view text) {
  if (!text.starts_with(kAlgorithm)) return invalid("authorization is not AWS4-HMAC-SHA256");
  text.remove_prefix(kAlgorithm.size());
  Authorization out;
  std::string credential;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    const auto equals = std::min(part.find('='), part.size());
    const std::string value(part.substr(std::min(equals + 1, part.size())));
    const std::string_view name = part.substr(0, equals);
    if (name == "Credential") credential = value;
    if (name == "SignedHeaders") out.names = value;
    if (name == "Signature") out.signature = value;
  }
  std::string* const parts[] = {&out.scope.service, &out.scope.region, &out.scope.date};
  const std::string_view end = "/aws4_request";
  if (!credential.ends_with(end)) return invalid("credential does not end in aws4_request");
  credential.resize(credential.size() - end.size());
  for (std::string* part : parts) {
    const auto slash = credential.rfind('/');
    if (slash == std::string::npos) return invalid("credential lacks parts");
    *part = credential.substr(slash + 1);
    credential.resize(slash);
  }
  out.key = credential;
  if (out.key.empty() || out.names.empty() || out.signature.empty())
    return invalid("authorization lacks parts");
  return out;
}

bool is_signed(std::string_view names, std::string_view name) {
  return (";" + std::string(names) + ";").contains(";" + std::string(name) + ";");
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Headers sign(const Request& request, const Credentials& credentials, std::string_view region,
             std::string_view service, Time now) {
  Headers added{{"X-Amz-Date", amz_date_of(now)}};
  if (!credentials.session_token.empty())
    added.emplace_back("X-Amz-Security-Token", credentials.session_token);
  Headers all = request.headers;
  all.insert(all.end(), added.begin(), added.end());
  const auto headers = canonical_headers(all);
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  const std::string date = added[0].second;
  const Scope scope{date.substr(0, 8), std::string(region), std::string(service)};
  added.emplace_back(
      "Authorization",
      std::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                  credentials.access_key_id, scope.text(), names,
                  signature(request, headers, names, scope, date, credentials.secret_access_key)));
  return added;
}

Result<Verified> verify(const Request& request, std::string_view service, Time now,
                        const Lookup& lookup) {
  const auto headers = canonical_headers(request.headers);
  const auto value = [&headers](const std::string& name) {
    const auto at = headers.find(name);
    return at == headers.end() ? std::string() : at->second;
  };
  if (!headers.contains("authorization")) return not_found("request is not signed");
  ASSIGN_OR_RETURN(const Authorization auth, parse_authorization(value("authorization")));
  const std::string amz_date = value("x-amz-date");
  const auto date = parse_amz_date(amz_date);
  if (!date || amz_date.substr(0, 8) != auth.scope.date)
    return invalid("x-amz-date is missing, malformed, or of another day than the credential");
  if (*date > now + kSkew || *date < now - kSkew)
    return fail(Code::kDeadlineExceeded, std::format("signature of {} is not current: it is {}",
                                                     amz_date, amz_date_of(now)));
  for (const char* name : {"host", "x-amz-date", "x-amz-security-token"})
    if ((headers.contains(name) || std::string_view(name) == "host") &&
        !is_signed(auth.names, name))
      return fail(Code::kPermissionDenied, std::format("header {} is not signed", name));
  const auto refused = fail(Code::kPermissionDenied,
                            "the key is unknown or the signature is not that of its secret");
  const auto known = lookup(auth.key);
  if (!known || auth.scope.service != service) return refused;
  if (!same(known->session_token, value("x-amz-security-token"))) return refused;
  const std::string expected =
      signature(request, headers, auth.names, auth.scope, amz_date, known->secret_access_key);
  if (!same(expected, auth.signature)) return refused;
  return Verified{auth.key, auth.scope.region};
}

}  // namespace godwit::sigv4
