struct [[nodiscard]] NodeInfo {};
