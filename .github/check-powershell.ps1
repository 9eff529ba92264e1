# Parses install.ps1 with the PowerShell that runs this, lets it show what it would install, and looks at what arrived
# at the program: the two PowerShells quote arguments differently.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$script = (Resolve-Path (Join-Path -Path $PSScriptRoot -ChildPath '..\install\install.ps1')).Path
$tokens = $null
$problems = $null
[void][System.Management.Automation.Language.Parser]::ParseFile($script, [ref]$tokens, [ref]$problems)
if ($problems) {
    $problems | Out-Host
    throw 'install.ps1 does not parse.'
}
# On the system's volume: others often keep no short names, and a path with a space needs one.
$env:CODEX_HOME = Join-Path -Path ([System.IO.Path]::GetTempPath()) -ChildPath 'codex home'
New-Item -ItemType Directory -Force -Path $env:CODEX_HOME | Out-Null
$common = @{ DryRun = $true; SkipSmokeTest = $true; Binary = 'target\debug\f5-guard.exe' }

$shown = & $script @common -Scope User -FailMode Closed -TimeoutSeconds 7.5 -ToolMatcher '^(Bash|two words)$' -PreserveExistingLogFile | Out-String
if ($LASTEXITCODE -ne 0) {
    throw "install.ps1 ended with $LASTEXITCODE."
}
Write-Host $shown
foreach ($expected in '^(Bash|two words)$', '--fail-mode closed', '--timeout 7.5') {
    if (-not $shown.Contains($expected)) {
        throw "$expected did not arrive."
    }
}

& $script @common -Scope user -BaseUrl '' | Out-Host
if ($LASTEXITCODE -eq 0) {
    throw 'An empty address was accepted.'
}

$refused = $false
try {
    & $script @common -Scope user -ToolMatcher 'a "quoted" word' | Out-Host
}
catch {
    $refused = $true
    Write-Host "Refused, as it should be: $_"
}
if (-not $refused) {
    throw 'A double quote was accepted.'
}
exit 0
