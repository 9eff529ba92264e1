# Parses install.ps1 with the PowerShell that runs this, and lets it show what it would install.
$ErrorActionPreference = 'Stop'
$script = Join-Path -Path $PSScriptRoot -ChildPath '..\install\install.ps1'
$tokens = $null
$problems = $null
[void][System.Management.Automation.Language.Parser]::ParseFile((Resolve-Path $script).Path, [ref]$tokens, [ref]$problems)
if ($problems) {
    $problems | Out-Host
    throw 'install.ps1 does not parse.'
}
$env:CODEX_HOME = Join-Path -Path $env:RUNNER_TEMP -ChildPath 'codex home'
New-Item -ItemType Directory -Force -Path $env:CODEX_HOME | Out-Null
& $script -Scope user -DryRun -SkipSmokeTest -PreserveExistingLogFile -ToolMatcher '^(Bash|apply_patch)$' -Binary 'target\debug\f5-guard.exe'
if ($LASTEXITCODE -ne 0) {
    throw "install.ps1 ended with $LASTEXITCODE."
}
