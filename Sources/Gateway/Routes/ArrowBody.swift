internal import MicroHTTP
internal import Representations

extension ArrowStream: BodySource {}
