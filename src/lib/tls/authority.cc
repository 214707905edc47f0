#include "lib/tls/authority.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <format>
#include <memory>

#include "lib/tls/digest.h"
#include "lib/tls/openssl.h"
#include "lib/tls/signing_request.h"

namespace godwit::tls {
namespace {

using Extension = std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION, X509_EXTENSION_free>>;

constexpr std::size_t kCommonNameMax = 64;  // X.509's ub-common-name.

bool set_serial(X509* certificate) {
  // 128 random bits: the CA keeps no counter, and no two certificates may share a serial.
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // Positive, full length.
  BIGNUM* number = BN_bin2bn(bytes, sizeof bytes, nullptr);
  const bool done =
      number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return done;
}

bool set_validity(X509* certificate, const Validity& validity) {
  const auto seconds = [](Time t) {
    return static_cast<time_t>(
        std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count());
  };
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(validity.from)) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(validity.until));
}

bool set_name(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Status check_name(const std::string& name) {
  if (name.empty() || name.size() > kCommonNameMax) {
    return invalid(std::format("common name '{}' has {} bytes, allowed are 1 to {}", name,
                               name.size(), kCommonNameMax));
  }
  return {};
}

// Everything but issuer, extensions and signature.
Result<Certificate> begin(const std::string& name, const Validity& validity, EVP_PKEY* key) {
  TRY(check_name(name));
  Certificate made{X509_new()};
  X509* certificate = made.get();
  if (!certificate || X509_set_version(certificate, X509_VERSION_3) != 1 ||
      !set_serial(certificate) || !set_validity(certificate, validity) ||
      !set_name(X509_get_subject_name(certificate), name) ||
      X509_set_pubkey(certificate, key) != 1) {
    return openssl_error(Code::kInternal, std::format("make certificate of {}", name));
  }
  return made;
}

// "IP:" or "DNS:" before each name, as OpenSSL's configuration wants it.
Result<std::string> alternative_names(const NodeId& node, const std::vector<std::string>& more) {
  std::string value = "DNS:" + server_name(node);
  for (const std::string& name : more) {
    if (name.empty() || name.find_first_of(",:\n") != std::string::npos) {
      return invalid(std::format("'{}' is neither a host name nor an IPv4 address", name));
    }
    const bool address = name.find_first_not_of("0123456789.") == std::string::npos;
    value += std::format(",{}:{}", address ? "IP" : "DNS", name);
  }
  return value;
}

// A certificate for the public part of `key`.
Result<std::string> certify(const Identity& authority, EVP_PKEY* key, const NodeId& node,
                            const std::vector<std::string>& more_names, const Validity& validity) {
  ASSIGN_OR_RETURN(const Certificate issuer,
                   in_context("authority", read_certificate(authority.certificate)));
  ASSIGN_OR_RETURN(const Key issuer_key, in_context("authority", read_key(authority.key)));
  ASSIGN_OR_RETURN(const std::string names, alternative_names(node, more_names));
  ASSIGN_OR_RETURN(const Certificate made, begin(node.value, validity, key));
  X509* certificate = made.get();
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    return openssl_error(Code::kInvalidArgument, "authority's key does not fit its certificate");
  }
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(certificate, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(certificate, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(certificate, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(certificate, issuer.get(), NID_subject_alt_name, names) ||
      X509_sign(certificate, issuer_key.get(), EVP_sha256()) == 0) {
    return openssl_error(Code::kInvalidArgument, std::format("issue for {}", node.value));
  }
  return to_pem(certificate);
}

// The key of a request that was signed with it.
Result<Key> proven_key(const std::string& pem) {
  ASSIGN_OR_RETURN(const Request request, read_request(pem));
  Key key{X509_REQ_get_pubkey(request.get())};
  char group[16] = "";
  std::size_t size = 0;
  // Nothing else is made by our agents, and a weak key would be as good as none.
  if (!key || EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) != 1 ||
      std::string_view(group, size) != SN_X9_62_prime256v1)
    return openssl_error(Code::kInvalidArgument, "signing request's key is not EC P-256");
  if (X509_REQ_verify(request.get(), key.get()) != 1)
    return openssl_error(Code::kInvalidArgument, "signing request is not signed by its own key");
  return key;
}

}  // namespace

std::string server_name(const NodeId& node) {
  // 128 bits: nobody but the CA chooses node ids, so collisions are only accidents.
  return sha256(node.value).substr(0, 32) + ".node.godwit";
}

Result<Identity> make_authority(const std::string& name, const Validity& validity) {
  ASSIGN_OR_RETURN(const Key key, draw_key());
  ASSIGN_OR_RETURN(const Certificate made, begin(name, validity, key.get()));
  X509* certificate = made.get();
  if (X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
      !add_extension(certificate, certificate, NID_basic_constraints,
                     "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(certificate, certificate, NID_subject_key_identifier, "hash") ||
      X509_sign(certificate, key.get(), EVP_sha256()) == 0) {
    return openssl_error(Code::kInternal, "sign authority");
  }
  Identity identity;
  ASSIGN_OR_RETURN(identity.certificate, to_pem(certificate));
  ASSIGN_OR_RETURN(identity.key, to_pem(key.get()));
  return identity;
}

Result<Identity> issue(const Identity& authority, const NodeId& node,
                       const std::vector<std::string>& more_names, const Validity& validity) {
  ASSIGN_OR_RETURN(const Key key, draw_key());
  Identity identity;
  ASSIGN_OR_RETURN(identity.certificate, certify(authority, key.get(), node, more_names, validity));
  ASSIGN_OR_RETURN(identity.key, to_pem(key.get()));
  return identity;
}

Result<SigningRequest> make_request() {
  SigningRequest made;
  ASSIGN_OR_RETURN(const Key key, draw_key());
  ASSIGN_OR_RETURN(made.key, to_pem(key.get()));
  ASSIGN_OR_RETURN(made.request, request_for(made.key));
  return made;
}

Result<std::string> request_for(const std::string& pem) {
  ASSIGN_OR_RETURN(const Key key, read_key(pem));
  const Request request{X509_REQ_new()};
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return openssl_error(Code::kInternal, "make a signing request");
  }
  return to_pem(request.get());
}

Result<std::string> key_sha256(const std::string& request) {
  ASSIGN_OR_RETURN(const Key key, proven_key(request));
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return openssl_error(Code::kInternal, "write public key");
  const std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return sha256(bytes);
}

Result<std::string> sign_request(const Identity& authority, const std::string& request,
                                 const NodeId& node, const Validity& validity) {
  ASSIGN_OR_RETURN(const Key key, proven_key(request));
  return certify(authority, key.get(), node, {}, validity);
}

bool is_pair(const Identity& identity) {
  const auto certificate = read_certificate(identity.certificate);
  const auto key = read_key(identity.key);
  return certificate && key && X509_check_private_key(certificate->get(), key->get()) == 1;
}

Result<std::string> common_name(const std::string& pem) {
  ASSIGN_OR_RETURN(const Certificate certificate, read_certificate(pem));
  const X509_NAME* name = X509_get_subject_name(certificate.get());
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return invalid("certificate without common name");
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return openssl_error(Code::kInvalidArgument, "common name");
  std::string result(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

}  // namespace godwit::tls
